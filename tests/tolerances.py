"""Every tolerance of the Python tests, with its reason. None is raised to make a test pass."""

# Losses of 1,000 float32 steps against float64: rounding of 6e-8 a step, which Adam's division
# by small second moments makes larger; about 1e-6 was measured.
LOSS_RTOL_FLOAT32 = 5e-6

# The same in float64 against another order of sums: 1e-16 a step, made larger in the same way;
# the committed losses of the original have 10 decimals, which is 5e-11 / 2 on their own.
LOSS_RTOL_FLOAT64 = 1e-8
