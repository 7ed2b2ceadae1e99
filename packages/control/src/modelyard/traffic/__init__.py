"""Traffic of a model's stable address: weights between versions, who stays with which one, and copies for a shadow."""
