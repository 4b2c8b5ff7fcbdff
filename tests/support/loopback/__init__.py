"""A simulated exchange in a process of its own, reached over the loopback: it outlives its clients.

``codec`` says how calls and answers look on the wire, ``server`` is the exchange, ``client`` the
venue adapter that talks to it, ``trader`` a process that trades there, ``clock`` the time in which
all of them live.
"""
