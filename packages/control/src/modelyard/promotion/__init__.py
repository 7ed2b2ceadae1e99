"""Stages and approvals: how a version comes to production, who agreed, on which evidence, and the way back."""
