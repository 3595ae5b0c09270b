"""What the models can do."""

REGRESSION_MODELS = ["PLS", "Ridge", "Lasso", "ElasticNet", "RandomForest"]
CLASSIFICATION_MODELS = ["PLS-DA", "RandomForest"]


def get_supported_models(task_type="regression"):
    return list(REGRESSION_MODELS if task_type == "regression" else CLASSIFICATION_MODELS)


def supports_feature_importance(model_name):
    return model_name in (*REGRESSION_MODELS, *CLASSIFICATION_MODELS)


supports_subset_analysis = supports_feature_importance
