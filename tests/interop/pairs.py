"""Covering pairs: few rows in which any two values of different factors meet at least once."""

import itertools
import random

TRIES = 60  # candidates drawn for each row; more give fewer rows, slowly


def covering_rows(factors, valid=lambda row: True, seed=1):
    """Rows (dicts) over {name: [values]} for which valid(row), with all pairs that can be; greedy, the
    same for the same seed."""
    rng = random.Random(seed)
    names = list(factors)
    missing = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2)
               for x in factors[a] for y in factors[b] if _possible(factors, {a: x, b: y}, valid)}
    rows = []
    while missing:
        candidates = [_candidate(factors, missing, valid, rng) for _ in range(TRIES)]
        best = max(candidates, key=lambda row: len(_pairs(row, names) & missing))
        missing -= _pairs(best, names)
        rows.append(best)
    return rows


def _possible(factors, pair, valid):
    """Whether some valid row holds this pair."""
    rest = {name: values for name, values in factors.items() if name not in pair}
    return any(valid({**pair, **dict(zip(rest, values))}) for values in itertools.product(*rest.values()))


def _pairs(row, names):
    return {((a, row[a]), (b, row[b])) for a, b in itertools.combinations(names, 2)}


def _candidate(factors, missing, valid, rng):
    """One missing pair, and the rest at random."""
    pair = rng.choice(sorted(missing, key=repr))
    while True:
        row = {name: rng.choice(values) for name, values in factors.items()}
        row.update(pair)
        if valid(row):
            return row
