"""The smallest inputs that have everything: two epochs on 100 drawn images, and folders of images."""

from PIL import Image

SMALL = ["--config", "quickstart", "--data.source.num_train=20", "--data.source.num_test=6"]
# On one thread: more would wait for one another on a machine that has other work.
TINY = [*SMALL, "--trainer.max_epochs=2", "--num_threads=1"]
# The same for the functions, with `quickstart`.
TINY_SETTINGS = {
    "trainer.max_epochs": 2,
    "data.source.num_train": 20,
    "data.source.num_test": 6,
    "trainer.accelerator": "cpu",
    "num_threads": 1,
}
# A study as a config of its own.
TINY_STUDY = {
    "seeds": 2,
    "strategies": {"fast": {"model": {"optimizer": {"init_args": {"lr": 0.05}}}}, "slow": {}},
    "model": {"backbone": "cifar_lightning.StrideNet"},
    "trainer": {"max_epochs": 2, "accelerator": "cpu"},
    "data": {
        "source": {"class_path": "cifar_lightning.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
        "classes": ["circle", "square"],
    },
}
PHOTOS = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]


def write_photos(folder, *class_names, splits=("train", "test"), number=4):
    """Writes images of one shade per class below `folder`/photos, as `PHOTOS` reads them."""
    for split in splits:
        for level, name in enumerate(class_names):
            (folder / "photos" / split / name).mkdir(parents=True)
            for place in range(number):
                image = Image.new("RGB", (32, 32), (60 * level, 60 * level, place))
                image.save(folder / "photos" / split / name / f"{place}.png")
