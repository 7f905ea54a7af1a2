"""Sources of labelled images and the data module."""

from cifar_lightning.data.cifar100 import Cifar100
from cifar_lightning.data.data_module import SubsetDataModule
from cifar_lightning.data.drawn_shapes import DrawnShapes
from cifar_lightning.data.image_folder import ImageFolder
from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource
from cifar_lightning.data.torchvision_data import Torchvision

__all__ = ["Cifar100", "DrawnShapes", "ImageFolder", "ImageSource", "LabelledImages", "SubsetDataModule", "Torchvision"]
