"""How good answers are: right, borne by what they cite, refused where there is none."""
