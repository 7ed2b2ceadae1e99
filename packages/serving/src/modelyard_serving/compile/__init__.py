"""Verified compilation: a model is translated to an ONNX graph, which is used only if it agrees with the original
model.

The steps are: `translate` (candidates, the most exact first) → `rows` (the test rows) → `verify` (same results, same
refusals) → `speed` (faster) → `report` → `bundle`. A candidate that differs, or that is slower, is never used; the
report says why. All of it needs the extra `compile`; serving the result does not.
"""
