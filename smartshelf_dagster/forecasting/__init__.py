"""Forecasting demand: from sales to calibrated quantiles, and the proof that they are better.

Pure: frames and arrays in, frames and arrays out. No clock, no global randomness, no lake.
"""
