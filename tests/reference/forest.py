"""Random forests: one tree, one node and one cut after another."""

import numpy as np


def forest_trees(X, y, X_new, n_trees, random_state, n_classes=0, bootstrap=True, **options):
    """Return what each tree predicts, what each channel does in it, and its number of nodes.

    Sums of values that are not whole may round in another way than a tree's own.
    """
    numbers = np.random.RandomState(random_state)
    predictions, importances, n_nodes = [], [], []
    for _ in range(n_trees):
        seed = numbers.randint(2**31 - 1)
        drawn = np.arange(len(y))
        if bootstrap:
            drawn = np.random.RandomState(seed).randint(0, len(y), len(y))
        state = np.random.RandomState(seed).randint(0, 2**31 - 1)
        tree = Tree(np.float32(X), y, np.bincount(drawn, minlength=len(y)), state, n_classes)
        root = tree.grow(np.flatnonzero(tree.weights), [], 0, **options)
        predictions.append([leaf_of(root, row) for row in np.float32(X_new)])
        importances.append(tree.importances)
        n_nodes.append(tree.n_nodes)
    return np.array(predictions), np.array(importances), np.array(n_nodes)


def leaf_of(node, row):
    while len(node) == 4:
        channel, threshold, left, right = node
        node = left if row[channel] <= threshold else right
    return node[0]


def is_above(value, other):
    return value > other + np.float32(1e-7)


class Tree:
    def __init__(self, X, y, weights, state, n_classes):
        self.X = X
        self.targets = np.eye(n_classes)[y] if n_classes else np.float64(y)[:, None]
        self.weights = weights
        self.state = int(state)
        self.is_classes = n_classes > 0
        self.order = list(range(X.shape[1]))
        self.importances = np.zeros(X.shape[1])
        self.n_nodes = 0

    def mean(self, rows):
        return np.average(self.targets[rows], axis=0, weights=self.weights[rows])

    def impurity(self, rows):
        """Return Gini's index, or the variance."""
        if self.is_classes:
            return 1 - np.sum(self.mean(rows) ** 2)
        return np.average(
            (self.targets[rows, 0] - self.mean(rows)) ** 2, weights=self.weights[rows]
        )

    def below(self, n):
        """Return the next random number below n: Marsaglia 2003, 32 bits."""
        self.state ^= self.state << 13 & 2**32 - 1
        self.state ^= self.state >> 17
        self.state ^= self.state << 5 & 2**32 - 1
        return self.state % 2**31 % n

    def grow(self, rows, constant, depth, max_features=None, max_depth=np.inf, min_samples_split=2,
             min_samples_leaf=1, min_impurity_decrease=0.0):  # fmt: skip
        """Return (channel, threshold, left, right), or what a leaf predicts; left ones first."""
        self.n_nodes += 1
        leaf = (self.mean(rows),)
        impurity = self.impurity(rows)
        size = max(min_samples_split, 2 * min_samples_leaf)
        if depth >= max_depth or len(rows) < size or impurity <= 1e-15:
            return leaf
        best, constant = self.best(
            rows, constant, max_features or self.X.shape[1], min_samples_leaf
        )
        if best is None:
            return leaf
        channel, threshold = best
        goes_left = self.X[rows, channel] <= threshold
        sides = rows[goes_left], rows[~goes_left]
        share = self.weights[rows].sum() / self.weights.sum()
        after = sum(
            self.impurity(side) * self.weights[side].sum() / self.weights[rows].sum()
            for side in sides
        )
        if share * (impurity - after) + 1e-15 < min_impurity_decrease:
            return leaf
        self.importances[channel] += share * (impurity - after)
        options = (
            *(max_features, max_depth, min_samples_split),
            *(min_samples_leaf, min_impurity_decrease),
        )
        left, right = (self.grow(side, constant, depth + 1, *options) for side in sides)
        return channel, threshold, left, right

    def best(self, rows, known, max_features, min_leaf):
        """Return the best channel and threshold, or None, and the channels known to be constant.

        Channels that are known to be constant stand first in `order`.
        """
        order = self.order
        best, best_gain = None, -np.inf
        n_open = len(order)
        n_visited = n_drawn = n_found = 0
        while n_open > len(known) + n_found and (
            n_visited < max_features or n_visited <= n_found + n_drawn
        ):
            n_visited += 1
            place = n_drawn + self.below(n_open - n_found - n_drawn)
            if place < len(known):
                order[n_drawn], order[place] = order[place], order[n_drawn]
                n_drawn += 1
                continue
            place += n_found
            channel = order[place]
            values = self.X[rows, channel]
            if not is_above(values.max(), values.min()):
                first = len(known) + n_found
                order[first], order[place] = order[place], order[first]
                n_found += 1
                continue
            n_open -= 1
            order[n_open], order[place] = order[place], order[n_open]
            for gain, threshold in self.cuts(rows[np.argsort(values)], channel, min_leaf):
                if gain > best_gain:
                    best, best_gain = (channel, threshold), gain
        order[: len(known)] = known
        return best, order[: len(known) + n_found]

    def cuts(self, rows, channel, min_leaf):
        """Yield what each cut gains, apart from what all share, and its threshold."""
        values = self.X[rows, channel]
        for cut in range(min_leaf, len(rows) - min_leaf + 1):
            if not is_above(values[cut], values[cut - 1]):
                continue
            gain = 0.0
            for side in (rows[:cut], rows[cut:]):
                weights = self.weights[side]
                sums = weights @ self.targets[side]
                if self.is_classes:
                    gain = -weights.sum() * (1 - sums @ sums / weights.sum() ** 2) + gain
                else:
                    gain += sums @ sums / weights.sum()
            yield gain, np.mean(values[cut - 1 : cut + 1], dtype=np.float64)
