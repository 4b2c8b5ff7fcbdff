"""What others offer for the same work, each measured in an environment of its own.

The modules here run in the environments that ``make bench-peers`` builds, where mettle is not
installed; ``benchmarks.races`` starts them and races them. They import nothing of mettle.
"""
