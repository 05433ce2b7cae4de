"""Which answers are better: preferences, and rewards that are rules.

    config.py      options of DPO and of GRPO
    pairs.py       prompts with a chosen and a rejected answer, as tokens
    losses.py      what is minimised, and how it depends on each answer's log-probability
    rewards.py     functions that say what a text is worth
    tuning.py      what both trainers share: a step, its batch, what they tell
    dpo.py, grpo.py   the trainers
    reward_model.py   what a text is worth, learned from pairs
    prefer.py      a saved model learns preferences
"""
