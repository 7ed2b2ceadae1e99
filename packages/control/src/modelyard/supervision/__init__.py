"""Keeps processes of this machine alive through supervisord, which outlives the control plane."""
