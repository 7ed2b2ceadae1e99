"""Says nothing about its model at all: `autolog` finds parameters, metrics, signature and model, and pickles it."""

import mlflow
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

mlflow.sklearn.autolog()
data = load_iris(as_frame=True)
DecisionTreeClassifier(max_depth=3, random_state=7).fit(data.data, data.target)
