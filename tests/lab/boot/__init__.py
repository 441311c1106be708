"""Guests of the lab that systemd has booted: real logins, reboots, power cuts; what a run must survive."""
