"""A step of the model's pipeline that is defined in a module of the project."""

import pandas as pd


def add_ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with one column more: how much of the phenols are flavanoids."""
    return frame.assign(flavanoids_to_phenols=frame["flavanoids"] / frame["total_phenols"])
