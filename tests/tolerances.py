"""Every tolerance of the Python tests, with its reason. None is raised to make a test pass."""

# Losses of 1,000 float32 steps against float64: rounding of 6e-8 a step, which Adam's division
# by small second moments makes larger; about 1e-6 was measured.
LOSS_RTOL_FLOAT32 = 5e-6

# The same in float64 against another order of sums: 1e-16 a step, made larger in the same way;
# the committed losses of the original have 10 decimals, which is 5e-11 / 2 on their own.
LOSS_RTOL_FLOAT64 = 1e-8

# One forward and backward in float32 against float64, relative to a tensor's largest entry: 6e-8 a
# rounding, through a few layers; up to 3e-6 was measured, and 1e-5 where norms are nearly singular.
TENSOR_FLOAT32 = 1e-4
LOSS_FLOAT32 = 1e-5

# The same in float64.
TENSOR_FLOAT64 = 1e-10
LOSS_FLOAT64 = 1e-12

# 50 steps of AdamW in float32 against float64: rounding that Adam's division makes larger; 1.3e-6
# was measured with another float32 implementation.
CURVE_FLOAT32 = 1e-4
CURVE_FLOAT64 = 1e-9

# A key bias without rotary positions has no gradient but what rounding leaves.
NO_GRADIENT = 1e-6

# Gradients of a small model in bfloat16 beside float32, as the length of the difference over that
# of a weight's gradient: some fifty roundings of 2^-9 at most, of any sign, lie between a token and
# a weight's gradient, each of which moves what passes it by 2^-9 / sqrt(3) on average; 50 of them
# by 2^-9 * sqrt(50 / 3) = 0.008, and norms and softmaxes of small rows make it a few times as much.
GRADIENT_BFLOAT16 = 0.03
