"""Deterministic simulation: the real order path in a world that fails on purpose.

One seed fixes everything: time, who runs next, what breaks, what the market does. ``scheduler`` and
``clock`` replace time, ``storage`` and ``wire`` stand between the product and its database and its
venue, ``world`` puts the actors together, ``oracle`` judges every event, ``campaign`` runs many.
"""
