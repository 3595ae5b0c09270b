import base64
import copy
import re
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from spectral_fast.datasets import make_spectra
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay
from spectral_fast.report import (
    _plots,
    _regression,
    _words,
    calibration_domain,
    distances,
    ranking_text,
    rebuild_script,
    regression_vector,
    write_report,
)
from spectral_fast.report._edges import edges
from spectral_fast.report._figures import curve_figure
from spectral_fast.report._outcome import Outcome
from spectral_fast.report._score import score_of

MIXTURES = make_spectra(24, 20, random_state=0)
X, Y = MIXTURES.data, MIXTURES.target[:, 0]
SG1 = SavitzkyGolay(5, 2, 1)


def fitted(*steps):
    return make_pipeline(*steps).fit(X, Y)


# --- regression vectors ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "acts_on"),
    [
        (fitted(PLSRegression(3, scale=False)), "raw spectrum"),
        (fitted(PLSRegression(3, scale=True)), "raw spectrum"),
        (fitted(Ridge(1e-3)), "raw spectrum"),
        (fitted(SVR(kernel="linear")), "raw spectrum"),
        (fitted(SG1, Ridge(1e-3)), "raw spectrum"),
        (fitted(SavitzkyGolay(5, 2, mode="constant", cval=1.0), Ridge(1e-3)), "raw spectrum"),
        (fitted(SG1, make_pipeline(StandardScaler(), Ridge())), "raw spectrum"),
        (fitted("passthrough", Ridge()), "raw spectrum"),
        (fitted(SNV(), SG1, PLSRegression(3, scale=False)), "spectrum after snv"),
        (fitted(SG1, SNV(), Ridge()), "spectrum after savitzkygolay+snv"),
        (fitted(MSC(), Ridge()), "spectrum after msc"),
    ],
)
def test_the_vector_predicts_what_the_pipeline_does(pipeline, acts_on):
    vector = regression_vector(pipeline, X)
    assert vector.acts_on == acts_on
    spectra = X
    for name in acts_on.removeprefix("spectrum after ").split("+"):
        if name != "raw spectrum":
            spectra = pipeline.named_steps[name].transform(spectra)
    predicted = spectra @ vector.coefficients + vector.intercept
    np.testing.assert_allclose(predicted, np.ravel(pipeline.predict(X)), rtol=0, atol=1e-9)


def test_unfolded_vectors_act_on_what_the_model_sees():
    pipeline = fitted(SG1, Ridge(1e-3))
    vector = regression_vector(pipeline, X, fold=False)
    assert vector.acts_on == "spectrum after savitzkygolay"
    np.testing.assert_array_equal(vector.coefficients, pipeline[-1].coef_)


@pytest.mark.parametrize(
    "model", [RandomForestRegressor(3, random_state=0), SVR(), PoissonRegressor()]
)
def test_models_that_are_not_linear_have_no_vector(model):
    assert regression_vector(Pipeline([("model", model)]).fit(X, Y + 1), X) is None


# --- words ----------------------------------------------------------------------------

BEST = {
    "preprocessing": "snv+sg1",
    "selector": None,
    "n_features": 20,
    "model": "pls",
    "params": {"n_components": 7},
    "n_components": 7,
    "rmsecv": 0.5213,
    "rmsecv_se": 0.0312,
    "r2": 0.99826,
    "rpd": 24.04,
    "bias": -0.00123,
}


def outcome(search, best, unit="%"):
    return Outcome(search, best, Y, Y, "fat", unit)


def test_headline():
    assert _regression.headline(outcome(SpectralSearchCV(), BEST)) == (
        "SNV + first derivative, PLS with 7 latent variables; RMSECV 0.52 percentage points of "
        "fat (±0.03), R² 0.998, RPD 24"
    )
    ridge = BEST | {"model": "ridge", "params": {"alpha": 1e-5}, "n_components": None}
    chosen = ridge | {"preprocessing": "mine", "selector": "mcuve", "n_features": 1}
    assert _regression.headline(outcome(SpectralSearchCV(), chosen, unit="")) == (
        "mine, 1 channel by MC-UVE, ridge regression with alpha 1e-05; RMSECV 0.52 (±0.03), "
        "R² 0.998, RPD 24"
    )


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("raw", "raw spectra"),
        ("sg2w19+snv", "second derivative over 19 channels + SNV"),
        ("mine+sg0", "mine + smoothing"),
    ],
)
def test_preprocessing_in_words(chain, expected):
    assert _words.describe_preprocessing(chain) == expected


@pytest.mark.parametrize(
    ("selector", "n_features", "expected"),
    [(None, 20, ""), ("vip", 5, "5 channels by VIP"), ("mine", pd.NA, "channels by mine")],
)
def test_selections_in_words(selector, n_features, expected):
    row = BEST | {"selector": selector, "n_features": n_features}
    assert _words.describe_selection(row) == expected


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (0.5213, 0.0312, ("0.52", "0.03")),
        (123.4, 9.7, ("123", "10")),
        (1234.0, 56.0, ("1234", "56")),
        (0.5213, 0.0, ("0.521", "")),
        (0.5213, float("nan"), ("0.521", "")),
    ],
)
def test_rounding_to_the_error(value, error, expected):
    assert _words.rounded_to_error(value, error) == expected


@pytest.mark.parametrize(
    ("r2", "expected"),
    [(0.9976, "0.998"), (0.99987, "0.9999"), (1.0, "1.000"), (-0.0351, "−0.035")],
)
def test_r2_below_one_never_reads_as_one(r2, expected):
    assert _words.coefficient_of_determination(r2) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (18.14, "18.1"), (1234.5, "1234"), (2.5e-7, "2.5e-07"), (float("nan"), "–")],
)
def test_number(value, expected):
    assert _words.number(value) == expected


@pytest.mark.parametrize(
    ("values", "digits", "expected"),
    [
        ((0.5129, 0.513, 1.25), 4, ["0.5129", "0.5130", "1.2500"]),
        ((0.9996, 1.0021), 4, ["0.9996", "1.0021"]),
        ((24.04, 9.7, float("nan")), 3, ["24.0", "9.7", "–"]),
        ((1234.5, 1300.0), 3, ["1234", "1300"]),
        ((2.51e-7, 0.1), 2, ["2.5e-07", "1.0e-01"]),
        ((0.0, 0.031), 2, ["0.000", "0.031"]),
        ((), 2, []),
    ],
)
def test_numbers_of_a_column_look_alike(values, digits, expected):
    assert _words.column(values, digits) == expected


@pytest.mark.parametrize(
    ("target", "unit", "expected"),
    [
        ("fat", "%", " percentage points of fat"),
        ("fat", "g/kg", " g/kg fat"),
        ("fat", "", ""),
        ("octane", "octane number", " octane number"),
        ("Octane", "octane number", " octane number"),
        ("at", "fat units", " fat units at"),
    ],
)
def test_units_that_name_the_target(target, unit, expected):
    assert _words.quantity(target, unit) == expected


def test_a_bias_that_rounds_to_zero_has_no_sign():
    assert _words.bias(BEST | {"bias": -1e-6}) == "0.0000"
    assert _words.bias(BEST) == "−0.0012"


def test_a_single_latent_variable_is_singular():
    row = BEST | {"n_components": 1}
    assert _words.describe_model(row) == "PLS with 1 latent variable"
    assert _words.settings(row) == "1 LV"


# --- the report -----------------------------------------------------------------------


def searched(models, preprocessing, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        return SpectralSearchCV(models, preprocessing, cv=3, **parameters).fit(X, Y)


def report(search, tmp_path, X=X, y=Y, **parameters):
    path = tmp_path / "report.html"
    write_report(search, X, y, path, **{"title": "Mixtures", **parameters})
    return path.read_text(encoding="utf-8")


def figures(html):
    """Return the titles of the figures, and check that each is an SVG picture."""
    pictures = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)">', html)
    for data, _ in pictures:
        assert b"<svg" in base64.b64decode(data)
    assert len(pictures) == html.count("<img")
    return [title for _, title in pictures]


RANKED = pd.DataFrame(
    {
        "rank": [1, 2, 3, 4],
        "preprocessing": ["snv+sg1+sg0+msc+sg2", "raw", "raw", "raw"],
        "selector": pd.Series([None, None, None, None], dtype=object),
        "n_features": 20,
        "model": ["random_forest", "svr", "svr", "pls"],
        "params": [
            {"max_features": 1 / 3},
            {"C": 10.0, "epsilon": 0.01},
            {"C": 10.0, "epsilon": 0.1},
            {"n_components": 7},
        ],
        "n_components": [np.nan, np.nan, np.nan, 7],
        "rmsecv": [0.51294, 0.513, 0.5131, np.nan],
        "r2": [0.998, 0.997, -12.5, np.nan],
        "rpd": [24.04, 23.0, 0.2, np.nan],
        "status": ["done", "done", "done", "failed"],
    }
)


def test_the_ranking_wraps_what_does_not_fit():
    text = ranking_text(RANKED)
    assert text.splitlines() == [
        "   preprocessing  model              RMSECV        R2    RPD",
        "1  snv+sg1+sg0+   random_forest      0.5129    0.9980  24.04",
        "   msc+sg2        max_features=",
        "                  0.3333",
        "2  raw            svr C=10,          0.5130    0.9970  23.00",
        "                  epsilon=0.01",
        "3  raw            svr C=10,          0.5131  -12.5000   0.20",
        "                  epsilon=0.1",
    ]
    assert max(map(len, text.splitlines())) == 60


def test_words_of_the_ranking_stay_whole():
    name = "A" * 40
    line = ranking_text(RANKED.iloc[[1]].assign(model=name)).splitlines()[1]
    assert line == f"2  raw            {name}  0.5130  0.9970  23.00"


def test_the_ranking_takes_no_more_room_than_it_needs():
    text = ranking_text(RANKED.iloc[1:], width=200, top=1)
    assert text.splitlines() == [
        "   preprocessing  model                   RMSECV      R2    RPD",
        "2  raw            svr C=10, epsilon=0.01  0.5130  0.9970  23.00",
    ]


def test_the_ranking_shows_selected_channels():
    selected = RANKED.assign(
        selector=pd.Series([None, "vip", "spa", "cars"], dtype=object),
        n_features=pd.array([20, 5, pd.NA, 3], dtype="Int64"),
    )
    text = ranking_text(selected)
    assert max(map(len, text.splitlines())) <= 60
    cells = [re.split(r"  +", line) for line in text.splitlines()]
    assert cells[0] == ["", "preprocessing", "channels", "model", "RMSECV", "R2"]
    assert [line[2] for line in cells if line[0]] == ["all", "vip 5", "spa"]


def test_the_ranking_of_a_classification():
    classes = RANKED.drop(columns=["rmsecv", "r2", "rpd"]).assign(
        accuracy=[0.96, 0.9, 0.85, np.nan], balanced_accuracy=[0.95, 0.9, 0.8, np.nan]
    )
    assert ranking_text(classes.iloc[1:2]).splitlines() == [
        "   preprocessing  model                   accuracy  balanced",
        "2  raw            svr C=10, epsilon=0.01     0.900     0.900",
    ]


@pytest.fixture(scope="module")
def pls_search():
    return searched({"pls": {"n_components": [1, 2, 3]}}, ("raw", "snv"))


def test_report_holds_everything_and_needs_nothing(pls_search, tmp_path):
    html = report(
        pls_search,
        tmp_path,
        title="Meat <& co>",
        axis=MIXTURES.wavelengths,
        axis_label="Wavelength (nm)",
        target_name="fat",
        target_unit="%",
        command="spectral-fast search 'my file.csv'",
    )
    assert "<h1>Meat &lt;&amp; co&gt;</h1>" in html
    assert "percentage points of fat" in html
    assert "spectral-fast search &#39;my file.csv&#39;" in html
    assert "seed 0" in html
    assert html.count('<td class="number minor">') == 3 * len(pls_search.results_)
    assert figures(html)[:3] == [
        "Predicted against measured",
        "Errors against predictions",
        "RMSECV against the number of latent variables",
    ]
    assert "Spectra as measured" in figures(html)
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]*)""", html)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert "<script" not in html
    assert "://" not in html
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_preprocessed_spectra_are_shown_where_they_differ(tmp_path):
    raw = report(searched({"ridge": {"alpha": [1e-3]}}, ["raw"]), tmp_path)
    assert figures(raw)[2:] == ["Spectra as measured"]
    assert "The regression vector below" in raw
    snv = report(searched({"ridge": {"alpha": [1e-3]}}, ["snv"]), tmp_path)
    assert figures(snv)[2:] == ["Spectra as measured", "Spectra after SNV"]
    assert "The regression vector below" in snv


def test_the_report_says_that_groups_were_kept_together(tmp_path):
    search = SpectralSearchCV({"ridge": {"alpha": [1e-3]}}, ["raw"], cv=3)
    html = report(search.fit(X, Y, groups=np.arange(len(X)) % 7), tmp_path)
    assert "seed 0, each of 7 groups of samples in one fold" in html


def test_a_winner_that_is_not_linear_has_no_regression_vector(tmp_path):
    html = report(searched([RandomForestRegressor(3, random_state=0)], ["raw"]), tmp_path)
    assert "RandomForestRegressor" in html
    assert "The regression vector below" not in html
    assert figures(html)[2:] == ["Spectra as measured"]


def test_fewer_features_than_channels(tmp_path):
    from sklearn.decomposition import PCA

    html = report(searched({"ridge": {"alpha": [1e-3]}}, [("pca", PCA(3))]), tmp_path)
    assert "Spectra after pca" in figures(html)


def test_failed_candidates_are_listed_once_for_each_message(tmp_path):
    wide = ("wide", SavitzkyGolay(2 * X.shape[1] + 1))
    html = report(searched({"ridge": {"alpha": [1e-3, 1.0]}}, ["raw", wide]), tmp_path)
    assert "2 candidates could not be fitted" in html
    assert "wide, ridge regression with alpha 0.001 and 1 more:" in html
    assert html.count("`window_length`") == 1


def test_a_large_search_shows_the_top_of_the_ranking(tmp_path):
    search = searched({"ridge": {"alpha": np.logspace(-6, 3, 30)}}, ["raw"])
    html = report(search, tmp_path)
    assert html.count('<td class="number minor">') == 3 * 20
    assert "The 20 best of 30 candidates." in html
    assert "results.csv" not in html
    html = report(search, tmp_path, command="spectral-fast search table.csv")
    assert "The 20 best of 30 candidates; all of them are in results.csv." in html


def test_many_samples_are_thinned(monkeypatch, pls_search, tmp_path):
    monkeypatch.setattr(_plots, "MAX_SPECTRA", 10)
    assert "10 of 24 spectra are shown" in report(pls_search, tmp_path)


def test_samples_that_were_never_held_out(tmp_path):
    splits = [(np.arange(12, 24), np.arange(6)), (np.arange(6), np.arange(6, 12))]
    search = SpectralSearchCV({"ridge": {"alpha": [1e-3]}}, ["raw"], cv=splits).fit(X, Y)
    assert len(figures(report(search, tmp_path))) == 3


def test_falling_axis_and_single_target_column(pls_search, tmp_path):
    html = report(pls_search, tmp_path, y=Y[:, None], axis=np.linspace(4000, 3000, X.shape[1]))
    assert "4000 to 3000" in html


def test_several_targets_are_refused(pls_search, tmp_path):
    with pytest.raises(ValueError, match="one target"):
        report(pls_search, tmp_path, y=np.column_stack([Y, Y]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "model", [Ridge(), PLSRegression(2), make_pipeline(StandardScaler(), Ridge())]
)
@pytest.mark.parametrize("chain", ["raw", "snv", SG1])
def test_a_search_on_a_data_frame(tmp_path, model, chain):
    named = pd.DataFrame(X, columns=[f"{i} nm" for i in range(X.shape[1])])
    search = SpectralSearchCV([model], [chain], cv=3).fit(named, Y)
    html = report(search, tmp_path, X=named)
    assert "The regression vector below" in html
    vector = regression_vector(search.best_estimator_, named)
    plain = SpectralSearchCV([model], [chain], cv=3).fit(X, Y).best_estimator_
    np.testing.assert_allclose(vector.coefficients, regression_vector(plain, X).coefficients)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": X[:-1], "y": Y[:-1]}, "`X` must hold the 24 samples .* got 23. Pass the X and y"),
        ({"y": Y[:-1]}, "inconsistent numbers of samples: .*24, 23"),
        ({"X": X[:, :-1]}, "X has 19 features, but SpectralSearchCV is expecting 20"),
        (
            {"axis": np.arange(19)},
            r"`axis` must hold one position .* 20 channels; got shape \(19,\)",
        ),
    ],
)
def test_data_of_another_search_are_refused(pls_search, tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        report(pls_search, tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_a_search_that_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        report(SpectralSearchCV(), tmp_path)


@pytest.mark.parametrize(
    ("bias", "meaning"),
    [
        (0.25, "predictions are 0.25 percentage points of fat too high"),
        (-0.25, "predictions are 0.25 percentage points of fat too low"),
        (-1e-12, "predictions are neither too high nor too low"),
        (0.0, "predictions are neither too high nor too low"),
    ],
)
def test_the_meaning_of_the_bias(pls_search, bias, meaning):
    words = dict(_regression.quality(outcome(pls_search, BEST | {"bias": bias})))
    assert words["Bias"] == f"On average, {meaning}."


def test_the_optimism_of_the_best_of_many(pls_search):
    words = dict(_regression.quality(outcome(pls_search, BEST)))
    bias = pls_search.selection_bias_
    unit = "percentage points of fat"
    assert f"too low by about {_words.number(bias, 2)} {unit}" in words["Choice of the best"]
    assert f"about {_words.number(0.5213 + bias, 2)} {unit}" in words["Choice of the best"]
    one = searched({"pls": {"n_components": [2]}}, ["raw"])
    assert "Choice of the best" not in dict(_regression.quality(outcome(one, BEST)))


def test_the_simplest_candidate_stands_next_to_the_best(tmp_path):
    search = searched({"pls": {"n_components": range(1, 9)}}, ["raw"])
    assert search.one_se_index_ == search.best_index_
    assert "Simplest within one standard error" not in report(search, tmp_path)
    search.one_se_index_ = int(search.results_.index[1])
    count = search.results_["n_components"].iloc[1]
    html = report(search, tmp_path)
    assert f"Simplest within one standard error of it:</b> raw spectra, PLS with {count}" in html


def test_optimism_that_is_not_known(pls_search):
    search = copy.copy(pls_search)
    search.selection_bias_ = np.nan
    words = dict(_regression.quality(outcome(search, BEST)))["Choice of the best"]
    assert "which makes them optimistic. Confirm it" in words


@pytest.mark.parametrize(("scoring", "name"), [(None, "RMSEP"), ("mae", "MAE")])
def test_a_nested_estimate(tmp_path, scoring, name):
    models = {"pls": {"n_components": [1, 2, 3]}}
    search = searched(models, ["raw"], outer_cv=3, scoring=scoring)
    html = report(search, tmp_path)
    assert html.count(f"<dt>{name}, nested</dt>") == 2
    assert f"<b>{_words.number(-search.outer_score_, 3)}</b>" in html


def headings(html):
    """Return the heads of the ranking's columns that hold figures, and the first row of these."""
    found = re.findall(r'<th class="(?:minor)?">([^<]+)</th>', html)
    return found, re.findall(r'<td class="number[^"]*">([^<]+)</td>', html)[: len(found)]


def test_what_ranks_is_shown(tmp_path):
    search = searched({"pls": {"n_components": range(1, 6)}}, ["raw", "snv"], scoring="mae")
    best = search.results_.iloc[0]
    html = report(search, tmp_path)
    names, figures_of_best = headings(html)
    assert names == ["MAE", "±", "RMSECV", "R²", "RPD", "Bias"]
    assert figures_of_best[0] == _words.number(best["mae"], 4)
    assert figures_of_best[2] == _words.number(best["rmsecv"], 4)
    assert re.search(r"<b>Best:</b> [^<]*; MAE ", html)
    assert "MAE against the number of latent variables" in figures(html)
    assert "its MAE is too low by about" in html
    n_peers = (search.results_["mae"] <= best["mae"] + best["mae_se"]).sum()
    assert f"{n_peers} candidates are within one standard error" in html
    text = ranking_text(search.results_, scoring="mae").splitlines()
    assert text[0].split() == ["preprocessing", "model", "MAE", "RMSECV", "R2"]
    assert text[1].split()[-3] == _words.number(best["mae"], 4)


@pytest.mark.parametrize(
    ("scoring", "name", "short"),
    [
        ("balanced_accuracy", "balanced accuracy", "balanced"),
        ("roc_auc", "ROC AUC", "ROC AUC"),
        ("log_loss", "log loss", "log loss"),
    ],
)
def test_what_ranks_classes_is_shown(tmp_path, scoring, name, short):
    rng = np.random.default_rng(0)
    classes = np.array(["a", "b", "c"] * 10)
    spectra = rng.normal(size=(30, 8)) + np.eye(8)[np.arange(30) % 3]
    search = SpectralSearchCV(
        {"pls": {"n_components": [1, 2, 3]}},
        ["raw"],
        task="classification",
        scoring=scoring,
        cv=3,
        outer_cv=2,
    ).fit(spectra, classes)
    html = report(search, tmp_path, X=spectra, y=classes)
    value = search.results_[scoring].iloc[0]
    shown = f"{100 * value:.1f}\xa0%" if scoring == "balanced_accuracy" else _words.number(value, 3)
    heading = name[0].upper() + name[1:]
    names, figures_of_best = headings(html)
    assert names[:2] == [heading, "Accuracy"]
    assert len(set(names)) == 4
    assert figures_of_best[0] == shown
    assert f"; {name} {shown}, accuracy" in html
    assert f"{heading} against the number of latent variables" in figures(html)
    assert html.count(f"<dt>{heading}, nested</dt>") == 2
    assert f"Their {name} was" in html
    assert f"its {name} is too {'low' if scoring == 'log_loss' else 'high'} by about" in html
    text = ranking_text(search.results_, scoring=scoring).splitlines()
    assert re.split(r"  +", text[0])[-2:] == [short, "accuracy"]
    assert text[1].split()[-2] == f"{value:.3f}"


def test_where_the_time_went(pls_search, tmp_path):
    search = copy.copy(pls_search)
    search.timing_ = {"PLS": 1.5, "orchestration": 2.5, "wall": 4.0}
    rows = re.findall(
        r'<td class="text">([^<]+)</td><td class="number">([\d.]+)</td><td class="number">(\d+) %',
        report(search, tmp_path),
    )
    assert rows == [
        ("orchestration", "2.50", "62"),
        ("PLS", "1.50", "38"),
        ("wall clock", "4.00", "100"),
    ]


@pytest.mark.parametrize("model", ["pls", "random_forest"])
@pytest.mark.parametrize("chain", ["raw", "snv"])
def test_selected_channels(tmp_path, model, chain):
    search = searched([model], [chain], selectors=["vip"], n_features=[4], selector_scope="all")
    html = report(search, tmp_path)
    assert figures(html)[-1] == "Selected channels"
    assert "the 4 of 20 channels that it uses" in html
    assert "4 channels by VIP" in html
    assert "figures are optimistic" in html
    vector = regression_vector(search.best_estimator_, X)
    if model == "pls":
        assert np.count_nonzero(vector.coefficients) == 4
        assert "The regression vector below" in html
    else:
        assert vector is None


def test_a_search_that_ended_early(pls_search, tmp_path):
    search = copy.copy(pls_search)
    search.stopped_ = "time limit"
    search.results_ = pls_search.results_.copy()
    last = search.results_.index[-1]
    search.results_.loc[last, ["rmsecv", "status", "error"]] = [np.nan, "not evaluated", "no time"]
    html = report(search, tmp_path)
    assert "The search ended early (time limit): 1 of 6 candidates were not tried." in html
    assert "could not be fitted" not in html


def test_a_search_that_ended_in_the_outer_folds(pls_search, tmp_path):
    search = copy.copy(pls_search)
    search.stopped_, search.outer_score_ = "time limit", np.nan
    html = report(search, tmp_path)
    assert "all candidates were tried, but not in the outer folds" in html
    assert "nested</" not in html


# --- classes --------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 7])
def test_the_report_of_a_classification(tmp_path, n_classes):
    rng = np.random.default_rng(0)
    classes = np.array([f"c{i % n_classes}" for i in range(42)])
    spectra = rng.normal(size=(42, 12)) + np.eye(12)[np.arange(42) % n_classes] * 3
    search = SpectralSearchCV(
        {"pls": {"n_components": [1, 2, 3]}}, ["raw"], task="classification", cv=3, outer_cv=2
    ).fit(spectra, classes)
    html = report(search, tmp_path, X=spectra, y=classes, target_name="variety")
    assert figures(html) == [
        "Confusion matrix",
        "Accuracy against the number of latent variables",
        "Spectra as measured",
    ]
    assert f"c0 ({sum(classes == 'c0')}), c1" in html
    assert "accuracy" in html
    assert "Accuracy, nested" in html
    assert "RMSECV" not in html
    assert "PLS-DA" in html


# --- the domain -------------------------------------------------------------------------


def test_the_limits_of_the_domain(pls_search):
    domain = calibration_domain(pls_search, X, Y)
    pipeline = pls_search.best_estimator_
    assert domain["T2"] == pipeline[-1].hotelling_t2_limit(0.01)
    held_out = np.concatenate(
        [
            clone(pipeline).fit(X[train], Y[train])[-1].q_residuals(X[test])
            for train, test in KFold(3, shuffle=True, random_state=0).split(X)
        ]
    )
    assert pls_search.best_params_["preprocessing"] == "raw"
    mean, variance = held_out.mean(), held_out.var(ddof=1)
    limit = variance / (2 * mean) * stats.chi2.isf(0.01, 2 * mean**2 / variance)
    assert domain["Q"] == pytest.approx(limit)


def test_distances_say_which_limit_is_passed(pls_search):
    pipeline = pls_search.best_estimator_
    found = distances(pipeline, X, {"T2": 0.0, "Q": np.inf})
    np.testing.assert_array_equal(found["T2"], pipeline[-1].hotelling_t2(X))
    np.testing.assert_array_equal(found["Q"], pipeline[-1].q_residuals(X))
    assert set(found["outside"]) == {"T2"}
    assert set(distances(pipeline, X, {"T2": 0.0, "Q": 0.0})["outside"]) == {"T2 Q"}
    assert set(distances(pipeline, X, {"T2": np.inf, "Q": np.inf})["outside"]) == {""}


def test_a_model_without_scores_has_no_domain():
    assert calibration_domain(searched({"ridge": {"alpha": [1.0]}}, ["raw"]), X, Y) == {}


def test_a_discriminant_analysis_has_a_domain():
    classes = np.where(np.median(Y) < Y, "high", "low")
    search = SpectralSearchCV(
        {"pls": {"n_components": [2]}}, ["snv"], task="classification", cv=3
    ).fit(X, classes)
    domain = calibration_domain(search, X, classes)
    assert domain.keys() == {"T2", "Q"}
    assert len(distances(search.best_estimator_, X[:5], domain)) == 5


# --- the script -------------------------------------------------------------------------


def test_parameters_that_no_script_can_hold():
    search = searched({"ridge": {"alpha": [1.0]}}, ["raw"])
    search.best_estimator_ = make_pipeline(FunctionTransformer(np.log1p), Ridge())
    message = r"numbers, texts, lists, dicts or estimators; got <ufunc 'log1p'"
    with pytest.raises(TypeError, match=message):
        rebuild_script(search, "")


def test_every_kind_of_parameter_survives_the_script(tmp_path):
    pipeline = make_pipeline(
        SelectFromModel(Ridge(np.float64(0.5)), threshold=-np.inf, max_features=4),
        make_pipeline(StandardScaler(), RandomForestRegressor(2, random_state=np.int64(3))),
    )
    search = searched({"ridge": {"alpha": [1.0]}}, ["raw"])
    search.best_estimator_ = pipeline.fit(X, Y)
    namespace = {"spectra": X, "target": Y, "__name__": "rebuild"}
    exec(rebuild_script(search, ""), namespace)
    np.testing.assert_array_equal(namespace["pipeline"].predict(X), pipeline.predict(X))


@pytest.mark.parametrize(
    ("scoring", "has_probabilities"),
    [
        ("accuracy", True),
        ("balanced_accuracy", True),
        ("roc_auc", True),
        ("roc_auc", False),
        ("log_loss", True),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_script_prints_what_ranked(capsys, scoring, has_probabilities, n_classes):
    weights = {f"c{i}": i + 1.0 for i in range(n_classes)}
    model = LogisticRegression(class_weight=weights) if has_probabilities else SVC(C=10.0)
    rng = np.random.default_rng(0)
    numbers = np.arange(30) % n_classes
    classes = np.array([f"c{number}" for number in numbers])
    spectra = rng.normal(size=(30, 8)) + np.eye(8)[numbers]
    search = SpectralSearchCV(model, ["raw"], task="classification", scoring=scoring, cv=3)
    search.fit(spectra, classes)
    namespace = {"spectra": spectra, "target": classes, "__name__": "__main__"}
    exec(rebuild_script(search, ""), namespace)
    printed = capsys.readouterr().out.split()[-1]
    assert float(printed) == pytest.approx(search.results_[scoring].iloc[0], rel=1e-9)


def test_optimistic_figures_are_not_repeated():
    search = searched(["pls"], ["raw"], selectors=["vip"], n_features=[4], selector_scope="all")
    assert "cross_val_predict" not in rebuild_script(search, "")


@pytest.mark.parametrize("module", ["matplotlib", "jinja2"])
def test_missing_libraries_are_named(monkeypatch, pls_search, tmp_path, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs {module}: pip install .*\[report\]"):
        report(pls_search, tmp_path)


def test_figures_are_reproducible_and_leave_matplotlib_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    first, second = (_plots.residuals(Y, Y - Y.mean(), 1.0, "fat") for _ in range(2))
    assert first == second
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("model", "grid", "n_channels", "expected"),
    [
        ("ridge", {"alpha": [1.0, 1e3, 1e6]}, 20, "alpha 1 is the smallest of the grid. Try sm"),
        ("pls", {"n_components": [1, 2, 3]}, 20, "number of latent variables 3 is the largest of"),
        ("pls", {"n_components": [1, 2, 3]}, 3, ""),  # there are no more channels
        ("pls", {"n_components": [3, 4]}, 20, ""),
        ("ridge", {"alpha": [0.0, 1e3, 1e6]}, 3, ""),
        ("svr", {"kernel": ["linear", "rbf", "poly"]}, 20, ""),
    ],
)
def test_a_best_value_at_the_end_of_its_grid(tmp_path, model, grid, n_channels, expected):
    spectra = X[:, :n_channels]
    search = SpectralSearchCV({model: grid}, ["raw"], cv=3).fit(spectra, Y)
    found = " ".join(edges(search))
    assert bool(found) == bool(expected)
    assert expected in found
    assert found in report(search, tmp_path, X=spectra)


def test_the_circle_names_its_model_where_another_one_won(monkeypatch):
    labels = []
    monkeypatch.setattr(_plots, "curves", lambda *data, label, is_log: labels.append(label))
    search = searched({"pls": {"n_components": [1, 2]}, "ridge": {"alpha": [1e-6]}}, ["raw"])
    assert search.best_params_["model"] == "ridge"
    curve_figure(search.results_, score_of(search), "")
    curve_figure(search.results_[search.results_["model"] == "pls"], score_of(search), "")
    assert labels == ["best PLS", "best"]


def test_more_curves_than_colours():
    curves = {f"chain {i}": (np.arange(1.0, 4), np.array([3.0, 2, 1]) + i) for i in range(9)}
    assert "<svg" in _plots.curves(curves, (3, 1), "RMSECV (%)", label="best", is_log=True)
