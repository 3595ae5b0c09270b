"""The replacement of the application's search against the stand-in's, one fit after another."""

import inspect
import threading
import warnings
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.svm import SVR
from threadpoolctl import threadpool_info

from spectral_fast import cross_decomposition, dropin
from spectral_fast.datasets import load_gasoline
from spectral_fast.dropin.spectral_predict import _textbook
from spectral_fast.dropin.spectral_predict._pool import Pool
from tests import standin

EVERY_METHOD = ["importance", "spa", "uve", "uve_spa", "ipls"]
SMALL = {
    "max_n_components": 3,
    "variable_counts": [4, 9],
    "preprocessing_methods": {"raw": True},
    "rf_n_trees_list": [3],
    "n_top_regions": 2,
}
NO_REGIONS = {"enable_region_subsets": False}


@pytest.fixture(scope="module", autouse=True)
def application():
    with standin.on_path():
        yield
        dropin.unpatch(standin.NAME)


@pytest.fixture(autouse=True)
def same_noise(monkeypatch):
    """Let every elimination see the same noise, however often it is asked."""
    monkeypatch.setattr(
        np.random, "randn", lambda *shape: np.random.default_rng(1).standard_normal(shape)
    )


def spectra(task="regression", step=12):
    gasoline = load_gasoline()
    wavelengths = [f"{each:.1f}" for each in gasoline.wavelengths[::step]]
    X = pd.DataFrame(gasoline.data[:, ::step], columns=wavelengths)
    y = pd.Series(gasoline.target)
    if task == "classification":
        y = pd.Series(np.digitize(y, np.quantile(y, [0.3, 0.7])))
    return X, y


def search(X, y, task="regression", quirks=None, **options):
    """Return the table, the encoder and the events, patched or not."""
    events = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # models of rounding errors, fits that do not converge
        if quirks is None:
            run = standin.load("search").run_search
            table, encoder = run(X, y, task, progress_callback=events.append, **options)
        else:
            with dropin.patched(standin.NAME, quirks=quirks):
                run = standin.load("search").run_search
                table, encoder = run(X, y, task, progress_callback=events.append, **options)
    return table, encoder, events


def plain(table):
    """Return the rows in the order of evaluation, the errors of quartiles as numbers."""
    table = table.sort_index().drop(columns="Rank")
    if "regional_rmse" in table:
        quartiles = [each if isinstance(each, dict) else {} for each in table["regional_rmse"]]
        for name in ("Q1", "Q2", "Q3", "Q4"):
            table[name] = [each.get(name, np.nan) for each in quartiles]
        del table["regional_rmse"]
    if "Error" in table:
        table["Error"] = table["Error"].notna()
    return table


def assert_equal(X, y, task="regression", rtol=1e-6, **options):
    theirs, encoder, events = search(X, y, task, **options)
    ours, own_encoder, own_events = search(X, y, task, "keep", **options)
    assert list(ours.columns) == list(theirs.columns)
    assert type(own_encoder) is type(encoder)
    numbers = ("current", "total")
    assert [[each[n] for n in numbers] for each in own_events] == [
        [each[n] for n in numbers] for each in events
    ]
    for own, their in zip(own_events, events, strict=True):
        best, expected = own["best_model"], their["best_model"]
        assert (best is None) == (expected is None)
        if best is not None:
            assert (best["Model"], best["SubsetTag"]) == (expected["Model"], expected["SubsetTag"])
    pd.testing.assert_frame_equal(plain(ours), plain(theirs), rtol=rtol, atol=1e-9)
    assert ours["Rank"].is_monotonic_increasing
    # Scores that are equal but for rounding may change places.
    in_our_order = theirs["CompositeScore"].reindex(ours.index).dropna().to_numpy(float)
    assert (np.diff(in_our_order) >= -1e-6).all()
    assert sorted(ours["Rank"])[-1] == sorted(theirs["Rank"])[-1]
    return ours


def test_takes_the_applications_arguments():
    original = inspect.signature(standin.load("search").run_search)
    with dropin.patched(standin.NAME):
        search = standin.load("search")
        assert inspect.signature(search.run_search).parameters.keys() == original.parameters.keys()
        assert search.run_search.__module__.startswith("spectral_fast.")
        for name in ("_run_single_fold", "_run_single_config"):
            assert getattr(search, name).__module__ == f"{standin.NAME}.search"


def test_preprocessings_and_regions_equal_the_definition():
    assert_equal(
        *spectra(),
        max_n_components=2,  # channels at the edge of a derivative hold no more
        models_to_test=["PLS", "Ridge"],
        ridge_alphas_list=[0.1],
        enable_variable_subsets=False,
        n_top_regions=1,
        tier="quick",
    )


def test_selections_equal_the_definition():
    table = assert_equal(
        *spectra(),
        **SMALL | {"preprocessing_methods": {"raw": True, "snv": True}},
        enabled_models=["PLS", "Ridge"],
        variable_selection_methods=EVERY_METHOD,
        enable_region_subsets=False,
    )
    assert set(table["SubsetTag"]) >= {"full", "top4_uve_spa", "top9_importance"}


@pytest.mark.parametrize(
    "options",
    [
        {
            "enabled_models": ["Lasso", "ElasticNet"],
            "max_iter": 60,
            "lasso_alphas_list": [1e-4, 1e-3],
            "elasticnet_alphas_list": [1e-3],
        },
        {"enabled_models": ["RandomForest"], "rf_n_trees_list": [3, 7]},
        {"enabled_models": ["PLS", "Ridge"], "ridge_alphas_list": [1e-3, 5.0], "folds": 4},
    ],
)
def test_models_equal_the_definition(options):
    assert_equal(*spectra(step=16), rtol=1e-5, **SMALL | options)


@pytest.mark.parametrize(
    "options",
    [
        {"analysis_wl_min": 1000, "analysis_wl_max": 1400.0},
        {"analysis_wl_max": 1100},
        {
            "interference_settings": {
                "wavelength_exclusion": {"enabled": True, "exclude_ranges": "1100-1200,1300-1350"},
                "msc": True,
            },
            "analysis_wl_min": 1000,
        },
        {"variable_penalty": 0, "complexity_penalty": 9, "total_samples_original": 99},
        {"excluded_count": 3, "validation_count": 5, "folds": 3},
        {"variable_counts": [9, 500, 4]},
        {"variable_counts": [500], "variable_selection_methods": ["spa"]},
        {"variable_counts": []},
        {"variable_counts": [0, -5, 3]},
        {"variable_selection_methods": []},
        {"variable_selection_methods": ["boruta", "uve"], "uve_cutoff_multiplier": 0.5},
        {"variable_selection_methods": ["uve_spa"], "uve_n_components": 2},
        {"variable_selection_methods": ["ipls"], "ipls_n_intervals": 5, "uve_n_components": 1},
        {"preprocessing_methods": {}},
        {
            "preprocessing_methods": {"snv": True, "sg2": True, "deriv_snv": True},
            "window_sizes": [7],
            "max_n_components": 2,
        },
    ],
)
def test_options_equal_the_definition(options):
    assert_equal(
        *spectra(),
        **{"models_to_test": ["PLS"], "tier": "quick", "enable_region_subsets": False}
        | SMALL
        | options,
    )


@pytest.mark.parametrize("method", ["binning", "rare_boost"])
def test_weights_equal_the_definition(method):
    table = assert_equal(
        *spectra(step=16),
        **SMALL,
        enabled_models=["PLS", "Ridge"],
        imbalance_method=method,
        variable_selection_methods=["importance", "spa"],
    )
    failed = table["Error"].notna()
    assert set(table.loc[failed, "Model"]) == {"PLS"}
    assert "Ridge" in set(table.loc[~failed, "Model"])


@pytest.mark.parametrize(("imbalance", "text"), [(None, True), ("class_weight", False)])
def test_classes_equal_the_definition(imbalance, text):
    X, y = spectra("classification", step=16)
    if text:
        y = y.map(dict(enumerate(["low", "medium", "high"]))).astype(object)
    assert_equal(
        X,
        y,
        "classification",
        **SMALL | {"variable_counts": [4]},
        enabled_models=["PLS-DA", "RandomForest"],
        imbalance_method=imbalance,
        variable_selection_methods=["importance", "ipls"],
        enable_region_subsets=text,
        rtol=1e-5,
    )


def test_two_classes_with_numbers_of_their_own_equal_the_definition():
    X, y = spectra("classification", step=16)
    y = y.map({0: 7, 1: 7, 2: 3})
    assert_equal(X, y, "classification", **SMALL, **NO_REGIONS, folds=3, rtol=1e-5)


def test_three_uneven_classes_equal_the_definition():
    X, y = spectra("classification", step=16)
    y = y.map({0: 1, 1: 2, 2: 10})
    assert_equal(X, y, "classification", **SMALL, **NO_REGIONS, folds=3, rtol=1e-5)


def test_regions_with_fewer_channels_than_components_are_recorded():
    table = assert_equal(
        *spectra(step=16),
        **SMALL | {"max_n_components": 6, "n_top_regions": 5},
        models_to_test=["PLS"],
        tier="quick",
        enable_variable_subsets=False,
    )
    failed = table[table["Error"].notna()]
    assert failed["Error"].str.contains("n_components").all()
    assert (failed["Rank"] == len(table) - len(failed) + 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task_type": "ranking"}, "`task_type` must be regression or classification"),
        ({"folds": 70}, r"`folds` must be from 2 to the number of samples, 60; got 70\. Use fewer"),
        ({"folds": 1}, r"`folds` must be from 2 to the number of samples, 60; got 1\. Use more"),
        ({"models_to_test": []}, "`models_to_test` has no names, and there are PLS, Ridge"),
        ({"models_to_test": ["PLSR"]}, "`models_to_test` has PLSR, and there are PLS, Ridge"),
        ({"analysis_wl_min": 5000}, "Wavelength range 5000-None nm excludes all wavelengths"),
    ],
)
def test_what_cannot_be_searched_is_named(options, message):
    X, y = spectra()
    task = options.pop("task_type", "regression")
    with pytest.raises(ValueError, match=message):
        search(X, y, task, "keep", **options)


def test_data_that_cannot_be_searched_are_named():
    X, y = spectra()
    with pytest.raises(ValueError, match="must be wavelengths"):
        search(X.rename(columns=lambda name: f"nm{name}"), y, "regression", "keep")
    with pytest.raises(ValueError, match="NaN"):
        search(X.where(X.iloc[3, 2] != X), y, "regression", "keep")
    with pytest.raises(ValueError, match="must hold numbers; got text such as '88'"):
        search(X, y.map(lambda each: "88").astype(object), "regression", "keep")
    with pytest.raises(ValueError, match="one class only"):
        search(X, y * 0, "classification", "keep")
    labels = y.map(lambda each: "high" if each > 86 else "low").astype(object)
    labels[2] = None
    with pytest.raises(ValueError, match="no label in row 2"):
        search(X, labels, "classification", "keep")


def test_an_unknown_method_is_named_and_left_out(capsys):
    options = SMALL | NO_REGIONS | {"enabled_models": ["Ridge"]}
    methods = ["boruta", "ipls"]
    table, _, _ = search(
        *spectra(step=16), "regression", "keep", **options, variable_selection_methods=methods
    )
    assert set(table["SubsetTag"]) == {"full", "top4_ipls", "top9_ipls"}
    assert "left out: boruta. There are importance, spa, uve," in capsys.readouterr().out


def test_an_error_in_the_callback_ends_the_search():
    def stop(event):
        if event["current"] == 2:
            raise KeyboardInterrupt

    X, y = spectra(step=16)
    with dropin.patched(standin.NAME), pytest.raises(KeyboardInterrupt):
        standin.load("search").run_search(X, y, "regression", progress_callback=stop, **SMALL)


def blas_threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


class TestPool:
    def test_a_task_shares_its_items_with_free_threads(self):
        """Each of two items waits for the other, so that one thread could not do both."""
        barrier = threading.Barrier(2, timeout=60)

        def meet(item):
            barrier.wait()
            return 10 * item

        with mock.patch("joblib.cpu_count", return_value=2), Pool() as pool:
            pool.submit((0,), pool.map, meet, [1, 2, 3, 4])
            assert [*pool.finished(wait=True)] == [[10, 20, 30, 40]]

    def test_busy_threads_are_not_waited_for(self):
        go_on = threading.Event()
        with mock.patch("joblib.cpu_count", return_value=2), Pool() as pool:
            pool.submit((0,), go_on.wait, 60)
            pool.submit((1,), pool.map, abs, [-1, -2])
            results = pool.finished(wait=True)
            assert next(results) == [1, 2]
            go_on.set()
            assert [*results] == [True]

    def test_what_keeps_the_lock_is_left_to_one_thread(self):
        """Of two tasks that meet, one leaves the lock to the other, urgent as both others are."""
        barrier = threading.Barrier(2, timeout=60)
        met = []

        def meet(kind):
            barrier.wait()
            met.append(kind)
            barrier.wait()

        with mock.patch("joblib.cpu_count", return_value=2):
            pool = Pool()
        for urgency, kind in enumerate(["keeps", "keeps", "leaves", "leaves"]):
            pool.submit((urgency,), meet, kind, keeps_lock=kind == "keeps")
        with pool:
            assert [*pool.finished(wait=True)] == [None] * 4
        assert sorted(met[:2]) == sorted(met[2:]) == ["keeps", "leaves"]

    def test_one_thread_takes_the_most_urgent_of_all(self):
        done = []
        with mock.patch("joblib.cpu_count", return_value=1):
            pool = Pool()
        for urgency, keeps in enumerate([False, True, False, True]):
            pool.submit((urgency,), done.append, urgency, keeps_lock=keeps)
        with pool:
            list(pool.finished(wait=True))
        assert done == [0, 1, 2, 3]

    def test_items_are_left_when_the_search_ends(self):
        begun, go_on = threading.Event(), threading.Event()
        done = []

        def item(k):
            begun.set()
            go_on.wait(60)
            done.append(k)

        with mock.patch("joblib.cpu_count", return_value=1):
            pool = Pool()
        pool.submit((0,), pool.map, item, range(100))
        with pool:
            begun.wait(60)
            threading.Timer(0.1, go_on.set).start()  # the end of the block waits for this item
        assert done == [0]

    def test_a_thread_that_cannot_start_leaves_nothing_behind(self):
        start, before = threading.Thread.start, blas_threads()
        threads = threading.active_count()

        def fail(thread):
            if thread is pool._threads[1]:
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch("joblib.cpu_count", return_value=2):
            pool = Pool()
        with (
            mock.patch("threading.Thread.start", fail),
            pytest.raises(RuntimeError, match="start"),
            pool,
        ):
            pass
        assert threading.active_count() == threads
        assert blas_threads() == before

    def test_an_error_of_an_item_is_that_of_the_task(self):
        with Pool() as pool:
            pool.submit((0,), pool.map, (1).__truediv__, [1, 0, 2])
            with pytest.raises(ZeroDivisionError):
                [*pool.finished(wait=True)]


def test_the_textbook_selects_inside_the_folds():
    rng = np.random.default_rng(0)
    X, y = spectra(step=2)
    X[:] = rng.normal(size=X.shape)  # whatever is found is found by chance
    options = SMALL | {"enabled_models": ["Ridge"], "enable_region_subsets": False}
    best = {
        quirks: search(X, y, "regression", quirks, **options)[0].set_index("SubsetTag")["R2"].max()
        for quirks in ("keep", "fix")
    }
    assert best["fix"] < 0.1 < best["keep"]


SELECTIONS = {
    "importance": lambda X, y: np.abs(Ridge(0.1).fit(X, y).coef_),
    "spa": lambda X, y: _textbook.spa_selection(X, y, 4, cv_folds=4),
    "uve": lambda X, y: _textbook.uve_selection(X, y, cv_folds=4),
    "uve_spa": lambda X, y: _textbook.uve_spa_selection(X, y, 4, uve_cv_folds=4, spa_cv_folds=4),
    "ipls": lambda X, y: _textbook.ipls_selection(X, y, cv_folds=4),
}


def r2_in_folds(X, y, channels_of):
    """Return the mean R² of Ridge(0.1) over four folds, the channels chosen in each."""
    scores = []
    for train, test in KFold(4, shuffle=True, random_state=42).split(X):
        channels = channels_of(X[train], y[train])
        model = Ridge(0.1).fit(X[train][:, channels], y[train])
        scores.append(r2_score(y[test], model.predict(X[test][:, channels])))
    return np.mean(scores)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_the_textbook_selects_as_a_loop_over_the_folds_does(method):
    def channels_of(X, y):
        return np.argsort(SELECTIONS[method](X, y), kind="stable")[-4:][::-1]

    X, y = spectra(step=16)
    np.random.seed(5)  # noqa: NPY002 - the noise of UVE
    table, _, _ = search(
        *(X, y, "regression", "fix"),
        **SMALL | {"variable_counts": [4], "folds": 4, "ridge_alphas_list": [0.1]} | NO_REGIONS,
        enabled_models=["Ridge"],
        variable_selection_methods=[method],
    )
    np.random.seed(5)  # noqa: NPY002
    selected = channels_of(X.to_numpy(), y.to_numpy())
    row = table.set_index("SubsetTag").loc[f"top4_{method}"]
    assert row["all_vars"] == ",".join(X.columns[selected])
    expected = r2_in_folds(X.to_numpy(), y.to_numpy(), channels_of)
    assert row["R2"] == pytest.approx(expected, rel=1e-6)


def test_the_textbook_finds_regions_as_a_loop_over_the_folds_does():
    X, y = spectra(step=4)
    wavelengths = X.columns.to_numpy(float)
    find = standin.load("regions").create_region_subsets
    table, _, _ = search(
        *(X, y, "regression", "fix"),
        **SMALL | {"folds": 4, "ridge_alphas_list": [0.1]},
        enabled_models=["Ridge"],
        enable_variable_subsets=False,
    )
    rows = table.sort_index().iloc[1:]
    for k, region in enumerate(find(X.to_numpy(), y.to_numpy(), wavelengths, 2)):
        assert rows["SubsetTag"].iloc[k] == region["tag"]
        expected = r2_in_folds(
            *(X.to_numpy(), y.to_numpy()),
            lambda X, y, k=k: find(X, y, wavelengths, 2)[k]["indices"],
        )
        assert rows["R2"].iloc[k] == pytest.approx(expected, rel=1e-6)


def test_the_components_of_the_textbook_end_at_the_rank():
    X, y = spectra(step=16)
    scores = X.to_numpy()[:, [3, 17]]
    X[:] = scores @ np.random.default_rng(0).normal(size=(2, X.shape[1]))
    table, _, _ = search(
        *(X, y, "regression", "fix"),
        **SMALL | NO_REGIONS,
        enabled_models=["PLS"],
        enable_variable_subsets=False,
    )
    two, three = table.sort_index()["R2"]
    assert three == pytest.approx(two, rel=1e-9)


def test_the_textbook_does_not_score_rows_with_enormous_errors():
    X, y = spectra(step=16)
    X.iloc[5] *= 1e6
    options = SMALL | NO_REGIONS | {"enabled_models": ["Ridge", "RandomForest"]}
    options["enable_variable_subsets"] = False
    fixed, _, _ = search(X, y, "regression", "fix", **options)
    kept, _, _ = search(X, y, "regression", "keep", **options)
    far = fixed["RMSE"].astype(float) > 10.0 * y.std()
    assert set(fixed.loc[far, "Model"]) == {"Ridge"}
    assert set(fixed.loc[~far, "Model"]) == {"RandomForest"}
    assert fixed.loc[far, "CompositeScore"].isna().all()
    assert set(fixed.loc[far, "Rank"]) == {len(fixed) - far.sum() + 1}
    assert kept["CompositeScore"].notna().all()


def test_the_textbook_selects_at_least_one_channel():
    options = SMALL | NO_REGIONS | {"enabled_models": ["Ridge"], "variable_counts": [0, -5, 3]}
    table, _, _ = search(*spectra(step=16), "regression", "fix", **options)
    assert set(table["SubsetTag"]) == {"full", "top3_importance"}


def test_the_textbook_names_the_lists_that_are_ignored(monkeypatch):
    models = standin.load("models")
    monkeypatch.setattr(
        models, "get_model_grids", lambda *given, **named: {"SVR": [(SVR(), {"kernel": "rbf"})]}
    )
    X, y = spectra(step=16)
    options = SMALL | {"svr_C_list": [5.0], "svr_kernels": ["rbf"]} | NO_REGIONS
    with dropin.patched(standin.NAME, quirks="fix"):
        run = standin.load("search").run_search
        with pytest.warns(UserWarning, match="does not have the values of svr_C_list: they"):
            run(X, y, "regression", **options)
    with dropin.patched(standin.NAME):
        standin.load("search").run_search(X, y, "regression", **options)  # in silence


def test_the_textbook_says_what_it_changes():
    X, y = spectra("classification", step=16)
    options = SMALL | {"enable_region_subsets": False}
    methods = ["importance", "uve"]
    table, _, _ = search(
        X, y, "classification", "fix", **options, variable_selection_methods=methods
    )
    assert "Error" not in table
    assert "channels are selected inside the folds" in table.attrs["quirks_fixed"]
    assert "quirks_fixed" not in search(X, y, "classification", "keep", **options)[0].attrs
    first = table[table["Model"] == "PLS-DA"].sort_index().iloc[0]
    assert "scale" in first["Params"]
    model = cross_decomposition.PLSRegression(2, scale=False).fit(X.to_numpy(), y.to_numpy())
    order = np.argsort(model.vip(), kind="stable")[::-1]
    assert first["top_vars"] == ",".join(X.columns[order[:30]])


def weighted_pls(X, y, weights, n_components, X_new):
    """Return predictions of NIPALS on centred, weighted samples."""
    means, mean = np.average(X, axis=0, weights=weights), np.average(y, weights=weights)
    E, f = (np.sqrt(weights) * (each - m).T for each, m in ((X, means), (y, mean)))
    E = E.T
    W, P, q = [], [], []
    for _ in range(n_components):
        w = E.T @ f
        W.append(w / np.linalg.norm(w))
        t = E @ W[-1]
        P.append(E.T @ t / (t @ t))
        q.append(f @ t / (t @ t))
        E, f = E - np.outer(t, P[-1]), f - t * q[-1]
    coef = np.transpose(W) @ np.linalg.solve(np.array(P) @ np.transpose(W), q)
    return mean + (X_new - means) @ coef


def test_the_textbook_weights_samples_and_names_what_is_left_out():
    X, y = spectra(step=16)
    options = SMALL | {"imbalance_method": "rare_boost", "models_to_test": ["PLS", "Lasso"]}
    with dropin.patched(standin.NAME, quirks="fix"):
        run = standin.load("search").run_search
        with pytest.warns(UserWarning, match="`models_to_test` has Lasso, which the grid of this"):
            table, _ = run(X, y, "regression", tier="quick", **options)
    assert "Error" not in table
    expected = []
    weighter = standin.load("imbalance").RegressionSampleWeighter("rare_boost")
    data, values = X.to_numpy(), y.to_numpy()
    for train, test in KFold(5, shuffle=True, random_state=42).split(data):
        weights = weighter.fit(data[train], values[train]).sample_weight_
        predicted = weighted_pls(data[train], values[train], weights, 2, data[test])
        expected.append(root_mean_squared_error(values[test], predicted))
    first = table.sort_index().iloc[0]
    assert (first["Model"], first["LVs"], first["SubsetTag"]) == ("PLS", 2, "full")
    assert first["RMSE"] == pytest.approx(np.mean(expected), rel=1e-7)
