"""How fast it is, with peers in the same run where there are any.

A module offers ``run(full: bool) -> list[dict]``, one row a figure with ``name``, ``value``,
``unit`` and, where it has them, ``spread``, ``peer`` and ``ratio`` (ours to the peer's).
"""
