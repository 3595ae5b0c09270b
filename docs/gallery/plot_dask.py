"""
A search on a Dask cluster
==========================

The same search runs on the workers of a cluster, with the same results to the last bit. The
cluster here is two processes on this machine; ``Client("scheduler:8786")`` reaches one that
spans many. It needs ``pip install "spectral_fast[dask]"``.
"""

from importlib import import_module

import joblib
from distributed import Client, LocalCluster, get_task_stream
from matplotlib import pyplot

from spectral_fast.datasets import load_tecator
from spectral_fast.model_selection import SpectralSearchCV

meat = load_tecator()
protein = meat.target[:, meat.target_names.index("protein")]
scatter, orders, widths = ("", "snv+"), (1, 2), (7, 11, 15, 19)
search = SpectralSearchCV(
    {
        "pls": {"n_components": range(1, 16)},
        "random_forest": {"n_estimators": [10, 20], "max_features": ["sqrt"]},
    },
    [f"{first}sg{order}w{width}" for first in scatter for order in orders for width in widths],
)

# %%
# A worker process imports this file; the condition keeps it from starting workers of its own.
# The figure shows what each of the two was busy with, a bar a task.

if __name__ == "__main__":
    here = search.fit(meat.data, protein).results_.drop(columns="seconds")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        client.run(import_module, "spectral_fast.model_selection")  # takes seconds, once
        with get_task_stream() as stream:
            there = search.fit(meat.data, protein).results_.drop(columns="seconds")
    assert there.equals(here)

    tasks = [(task["worker"], step) for task in stream.data for step in task["startstops"]]
    start = min(step["start"] for _, step in tasks)
    workers = sorted({worker for worker, _ in tasks})
    pyplot.style.use("tableau-colorblind10")
    figure, ax = pyplot.subplots(figsize=(8, 2.4), layout="constrained")
    for worker, step in tasks:
        bar = (step["start"] - start, step["stop"] - step["start"])
        ax.broken_barh([bar], (workers.index(worker) - 0.35, 0.7), facecolor="C0", edgecolor="w")
    ax.set(xlabel="Time (s)", yticks=range(len(workers)))
    ax.set_yticklabels([f"Worker {1 + i}" for i in range(len(workers))])
    pyplot.show()
