"""Reward heads on a vision language model: papers 002 (LLaVA-Reward) and 003 (LMM4LMM), trained and evaluated.

`train_heads` of `autorater_evals.heads.running` trains; `reward_head` and `reward_preference` of the specialists serve.
"""
