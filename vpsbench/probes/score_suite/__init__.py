"""The suite of benchmarks behind the scores."""
