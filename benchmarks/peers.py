"""What people write today, timed against `cifar-lightning fit`: a notebook loop and stock Lightning.

`notebook_loop` and `stock_lightning` train for some epochs and return the seconds of each. Both normalise, validate
every epoch and sum up the losses. Neither computes recall per class, as `fit` does. The notebook loop writes no
checkpoints and no TensorBoard events either.
"""

import time

import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision import transforms
from torchvision.datasets import CIFAR100

MEAN, STD = (0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)


def lab_net(name: str, num_classes: int) -> nn.Sequential:
    """The net as in the lab's text, with its head."""
    layers: dict[str, list[nn.Module]] = {
        "baseline": [nn.Conv2d(3, 32, 5, 4, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU()],
        "stride": [nn.Conv2d(3, 32, 5, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 3, 1), nn.ReLU()],
        "maxpool": [nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)],
        "avgpool": [nn.Conv2d(3, 32, 5), nn.ReLU(), nn.AvgPool2d(3), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.AvgPool2d(2)],
    }
    num_features = {"baseline": 4096, "stride": 1024, "maxpool": 576, "avgpool": 576}[name]
    return nn.Sequential(*layers[name], nn.Flatten(), nn.Linear(num_features, num_classes))


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    """The lab's optimiser."""
    return torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)


def notebook_loop(
    name: str,
    train: tuple[torch.Tensor, torch.Tensor],
    val: tuple[torch.Tensor, torch.Tensor],
    num_classes: int,
    num_epochs: int,
    device: str,
) -> list[float]:
    """Trains with a plain PyTorch loop; `train` and `val` are normalised float images and labels."""
    torch.manual_seed(0)
    net = lab_net(name, num_classes).to(device)
    optimizer = sgd(net)
    train_loader = DataLoader(TensorDataset(*train), batch_size=128, shuffle=True)
    val_loader = DataLoader(TensorDataset(*val), batch_size=128)
    seconds = []
    for _ in range(num_epochs):
        start = time.perf_counter()
        net.train()
        total_loss, num_right = 0.0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = net(images)
            loss = functional.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            num_right += (logits.argmax(1) == labels).sum().item()
        net.eval()
        with torch.no_grad():
            for images, labels in val_loader:
                images, labels = images.to(device), labels.to(device)
                logits = net(images)
                total_loss += functional.cross_entropy(logits, labels).item() * len(labels)
                num_right += (logits.argmax(1) == labels).sum().item()
        seconds.append(time.perf_counter() - start)
    return seconds


class StockModule(pl.LightningModule):
    """The module of a Lightning tutorial."""

    def __init__(self, name: str, num_classes: int) -> None:
        super().__init__()
        self.net = lab_net(name, num_classes)
        self.seconds: list[float] = []

    def on_train_epoch_start(self) -> None:
        self._start = time.perf_counter()

    def _step(self, batch: tuple[torch.Tensor, torch.Tensor], split: str) -> torch.Tensor:
        images, labels = batch
        logits = self.net(images)
        loss = functional.cross_entropy(logits, labels)
        self.log(f"{split}_loss", loss, on_step=False, on_epoch=True)
        self.log(f"{split}_accuracy", (logits.argmax(1) == labels).float().mean(), on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self._step(batch, "train")

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        self._step(batch, "val")

    def on_train_epoch_end(self) -> None:
        self.seconds.append(time.perf_counter() - self._start)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return sgd(self)


def stock_lightning(name: str, root: str, labels: list[int], num_epochs: int, device: str, folder: str) -> list[float]:
    """Trains on torchvision's CIFAR100, Subset and transforms in a DataLoader, with Lightning's defaults."""
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    loaders = []
    for is_train in (True, False):
        # Skips the check of the files: a copy without the `filenames` key is good enough for timing.
        CIFAR100._check_integrity = lambda self: True  # type: ignore[method-assign]
        data = CIFAR100(
            root, is_train, transform=to_tensor, target_transform=lambda label: labels.index(label), download=False
        )
        kept = [place for place, label in enumerate(data.targets) if label in labels]
        loaders.append(DataLoader(Subset(data, kept), batch_size=128, shuffle=is_train))
    module = StockModule(name, len(labels))
    trainer = pl.Trainer(
        max_epochs=num_epochs,
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(module, *loaders)
    return module.seconds
