"""Retraining: the recipe of a version runs again for the next one, which is compared with production and staged."""
