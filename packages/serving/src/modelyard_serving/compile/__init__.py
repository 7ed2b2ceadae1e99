"""Verified compilation: a model as an ONNX graph, used only if it proves itself against the model that it stands for.

The way is one line: `translate` (candidates, from the most exact on) → `rows` (what they are tried on) → `verify`
(the same answers, the same refusals) → `speed` (faster) → `report` → `bundle`. A candidate that differs, or that is
slower, is never used; the report says why not. All of it needs the extra `compile`; serving the result does not.
"""
