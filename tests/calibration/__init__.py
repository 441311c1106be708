"""How often each sign accuses wrongly, and how soon it accuses rightly: on simulated machines, day by day."""
