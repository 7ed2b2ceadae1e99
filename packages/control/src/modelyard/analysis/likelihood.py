"""Likelihood ratios of counts that e-processes multiply. Pure.

Each is monotone in the number of events. So where it is an e-value at the edge of a one-sided null hypothesis, it is
one everywhere inside: its expected value is at most 1.
"""

import math
from functools import lru_cache

from modelyard.analysis.counts import Counts


def log_ratio_of_odds(canary: Counts, control: Counts, *, alternative: float, null: float) -> float:
    """Log likelihood ratio of two odds ratios, given how many events came in both together.

    Given the total, the canary's part follows Fisher's noncentral hypergeometric distribution, whose only parameter is
    the odds ratio. So the rates themselves may be unknown, and may differ from one look to the next: an incident that
    hits both versions alike is no evidence against either.
    """
    events = canary.events + control.events
    if not events:
        return 0.0
    sizes = (canary.trials, control.trials, events)
    weight = canary.events * (math.log(alternative) - math.log(null))
    return weight - _log_normaliser(*sizes, alternative) + _log_normaliser(*sizes, null)


def log_ratio_of_rates(counts: Counts, *, alternative: float, null: float) -> float:
    """Log likelihood ratio of two known rates, both strictly between 0 and 1."""
    others = counts.trials - counts.events
    return counts.events * math.log(alternative / null) + others * math.log((1 - alternative) / (1 - null))


@lru_cache(maxsize=4096)
def _log_normaliser(canary_trials: int, control_trials: int, events: int, odds: float) -> float:
    """Log of the sum over k of C(canary, k) C(control, events - k) odds^k, from each term to the next."""
    least, most = max(0, events - control_trials), min(canary_trials, events)
    log_term = _log_choose(canary_trials, least) + _log_choose(control_trials, events - least) + least * math.log(odds)
    largest, total = log_term, 1.0
    for k in range(least, most):
        factor = odds * (canary_trials - k) * (events - k) / ((k + 1) * (control_trials - events + k + 1))
        log_term += math.log(factor)
        if log_term > largest:
            total, largest = total * math.exp(largest - log_term) + 1.0, log_term
        else:
            total += math.exp(log_term - largest)
    return largest + math.log(total)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
