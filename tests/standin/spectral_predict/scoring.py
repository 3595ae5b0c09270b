"""Ranks of the results."""

import numpy as np
import pandas as pd


def create_results_dataframe(task_type):
    metrics = ["RMSE", "R2"] if task_type == "regression" else ["Accuracy", "ROC_AUC"]
    first = (
        "Task Model Params Preprocess Deriv Window Poly LVs n_vars full_vars SubsetTag Imbalance"
    )
    last = ["top_vars", "all_vars", "CompositeScore", "Rank"]
    return pd.DataFrame(columns=[*first.split(), *metrics, *last])


def add_result(df_results, result_dict):
    row = pd.DataFrame([result_dict])
    if df_results.empty:
        others = [each for each in row if each not in df_results]
        return row.reindex(columns=[*df_results, *others])
    return pd.concat([df_results, row], ignore_index=True)


def compute_composite_score(
    df_results, task_type, variable_penalty=2, complexity_penalty=2, verbose=False
):
    df = df_results.copy()
    signs = {"RMSE": 0.5, "R2": -0.5} if task_type == "regression" else {"ROC_AUC": -1.0}
    score = np.zeros(len(df))
    for metric, sign in signs.items():
        z = (df[metric] - df[metric].mean()) / df[metric].std()
        score += sign * z.fillna(0.0).to_numpy()
    score += (variable_penalty / 10) ** 2 * (df["n_vars"] / df["full_vars"]).to_numpy(float)
    components = df["LVs"].astype(float).fillna(10.0).to_numpy()
    df["CompositeScore"] = score + (complexity_penalty / 10) ** 2 * components / 25
    df["Rank"] = df["CompositeScore"].rank(method="min").astype(int)
    return df.sort_values("Rank")
