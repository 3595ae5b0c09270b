"""The methods of the package as data: tests and documentation derive their lists from it."""

from typing import NamedTuple


class Method(NamedTuple):
    """One estimator and where its parts are."""

    #: Import path of the class.
    estimator: str
    #: Name in `spectral_fast.kernels`, if the method has a kernel of its own.
    kernel: str | None
    #: Function in `tests/reference` that computes the same slowly.
    twin: str
    #: Page and section in `docs`.
    docs: str


METHODS = (
    Method("spectral_fast.preprocessing.SNV", "snv", "scatter.snv", "methods.md#snv"),
    Method("spectral_fast.preprocessing.MSC", "msc", "scatter.msc", "methods.md#msc"),
    Method(
        "spectral_fast.preprocessing.SavitzkyGolay",
        "savgol",
        "savgol.savgol",
        "methods.md#savitzkygolay",
    ),
    Method(
        "spectral_fast.cross_decomposition.PLSRegression",
        "nipals",
        "nipals.nipals",
        "methods.md#plsregression",
    ),
    Method(
        "spectral_fast.cross_decomposition.PLSRegressionCV",
        None,
        "pls_cv.pls_cv",
        "methods.md#plsregressioncv",
    ),
    Method("spectral_fast.cross_decomposition.PLSDA", None, "plsda.plsda", "methods.md#plsda"),
    Method(
        "spectral_fast.boosting.BoostedRegressor",
        None,
        "boosting.boosted",
        "boosting.md#boostedregressor",
    ),
    Method(
        "spectral_fast.boosting.BoostedClassifier",
        None,
        "boosting.boosted_classes",
        "boosting.md#boostedclassifier",
    ),
    Method("spectral_fast.feature_selection.VIP", None, "importance.vip", "selection.md#vip"),
    Method(
        "spectral_fast.feature_selection.CoefficientMagnitude",
        None,
        "importance.coefficient_magnitude",
        "selection.md#coefficientmagnitude",
    ),
    Method(
        "spectral_fast.feature_selection.SelectivityRatio",
        None,
        "importance.selectivity_ratio",
        "selection.md#selectivityratio",
    ),
    Method("spectral_fast.feature_selection.CovSel", None, "covsel.covsel", "selection.md#covsel"),
    Method(
        "spectral_fast.feature_selection.UVE",
        "coefficient_reliability",
        "uve.uve",
        "selection.md#uve",
    ),
    Method(
        "spectral_fast.feature_selection.MCUVE",
        "coefficient_reliability",
        "uve.mcuve",
        "selection.md#mcuve",
    ),
    Method(
        "spectral_fast.feature_selection.IntervalPLS",
        None,
        "intervals.interval_pls",
        "selection.md#intervalpls",
    ),
    Method("spectral_fast.feature_selection.CARS", None, "cars.cars", "selection.md#cars"),
    Method(
        "spectral_fast.feature_selection.RandomFrog",
        None,
        "random_frog.random_frog",
        "selection.md#randomfrog",
    ),
    Method("spectral_fast.feature_selection.SPA", "spa_chains", "spa.spa", "selection.md#spa"),
    Method("spectral_fast.feature_selection.UVESPA", None, "uve.uve_spa", "selection.md#uvespa"),
    Method(
        "spectral_fast.feature_selection.ForClasses",
        None,
        "importance.for_classes",
        "selection.md#forclasses",
    ),
    Method(
        "spectral_fast.feature_selection.TopChannels",
        None,
        "importance.top_channels",
        "selection.md#topchannels",
    ),
    Method(
        "spectral_fast.model_selection.SpectralSearchCV",
        None,
        "search.search",
        "methods.md#spectralsearchcv",
    ),
)

#: Kernels that no single estimator stands for, and their twins.
KERNELS = {
    "centre_gram": "gram.centred_gram",
    "channel_variances": "pls_folds.channel_variances",
    "covariance": "gram.covariance",
    "cross_squared_distances": "gram.squared_distances",
    "elastic_net_folds": "elastic_net.elastic_net_folds",
    "fold_covariances": "gram.fold_covariances",
    "forest_trees": "forest.forest_trees",
    "gram": "gram.gram",
    "grow_gram": "gram.gram",
    "interval_grams": "gram.interval_grams",
    "nested_grams": "gram.nested_grams",
    "pls_coefficients": "pls_folds.resample_coef",
    "pls_covariance": "pls_folds.cross_val_predict",
    "pls_direct": "pls_folds.cross_val_predict",
    "pls_gram": "pls_folds.cross_val_predict",
    "ridge_cross_val_predict": "ridge.cross_val_predict",
    "spa_scores": "spa.chain_errors",
    "squared_distances": "gram.squared_distances",
}
