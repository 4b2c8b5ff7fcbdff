"""Getting candles into the lake, judging them, and making panels of them."""
