# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   language_info:
#     name: python
# ---

# %% [markdown]
# # The lab in a notebook
#
# Which way of shrinking the feature map is best: a strided convolution, max pooling or average pooling? We train small
# nets on three classes of CIFAR-100, look at their curves, and ask what three seeds can say.
# With a GPU the notebook takes minutes; on a CPU, lower `epochs`.
#
# In Colab, run this first: `!pip install cifar-lightning` (until the first release, upload a wheel and install that)

# %%
import matplotlib.pyplot as plt

import cifar_lightning as cl

# %% tags=["parameters"]
epochs = 100
settings = {"trainer.max_epochs": epochs}

# %% [markdown]
# ## Train one net
#
# A config's name, and settings by their dotted names, as on the command line. CIFAR-100 is downloaded once (169 MB).

# %%
run = cl.fit("avgpool", settings)
run.folder

# %% [markdown]
# `run.curves` has a NumPy array per column. Where do the two losses part? From there on the net learns its training
# images by heart.

# %%
curves = run.curves
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
for axes, metric in ((left, "loss"), (right, "accuracy")):
    for split in ("train", "val"):
        axes.plot(curves["epoch"], curves[f"{split}_{metric}"], label=split)
    axes.set(xlabel="epoch", ylabel=metric)
_ = left.legend()
# %% [markdown]
# ## Test it
#
# Only now are the test images read. Each accuracy has its 95 % interval: 300 images are few.

# %%
cl.test(run)
test = run.scores["splits"]["test"]
print(
    f"accuracy {test['accuracy']:.3f}, 95 % interval {test['accuracy_ci95'][0]:.3f} to {test['accuracy_ci95'][1]:.3f}"
)
for one in test["classes"]:
    print(f"{one['name']:<12} recall {one['recall']:.2f}")

# %% [markdown]
# The net is most sure of these mistakes:

# %%
from IPython.display import Image

Image(run.folder / "mistakes.png")

# %% [markdown]
# ## Every net, three seeds
#
# Another seed means other first weights and another order of the images. Each run gets a folder of its own; running the
# cell again resumes what is missing.

# %%
runs = cl.study("study", {"seeds": 3, **settings})
for one in runs:
    print(f"{one.strategy:<9} seed {one.seed}: {one.scores['splits']['test']['accuracy']:.3f}")

# %% [markdown]
# ## Which one is better?
#
# The first sentence is the answer. It counts both kinds of chance: that other seeds, and that other images, would have
# said something else.

# %%
comparison = cl.compare(runs)
comparison

# %% [markdown]
# `no difference shown` is not *no difference*. How large a difference would this study have found? The page says so,
# and has the figures:

# %%
comparison.write("comparison")

# %% [markdown]
# Try next: ten seeds; classes that are hard to tell apart (`"data.classes": ["maple_tree", "oak_tree", "pine_tree"]`);
# a net of your own.
