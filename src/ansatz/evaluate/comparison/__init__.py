"""Every family on the same data: at equal budget, by the same measures, with a verdict in words."""
