"""Fuzzing of verified compilation: random pipelines, each compiled, and asked far outside of what it was trained on."""
