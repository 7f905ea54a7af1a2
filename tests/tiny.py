"""The smallest fit that has everything: two epochs on 100 drawn pictures."""

TINY = ["--config", "quickstart", "--trainer.max_epochs=2", "--data.source.num_train=20", "--data.source.num_test=6"]
