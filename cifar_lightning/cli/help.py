"""What `--help` prints for commands whose parsers take seconds to import: the options that people change."""

_CHECKPOINT = """
  --ckpt_path RUN_FOLDER       a run folder (its last epoch), or one of its
                               checkpoints: RUN_FOLDER/checkpoints/best.ckpt
"""

_BROUGHT = """
The settings are those of the run folder. For a run from another machine:

  --data.source.root DIR       where the images are here
  --trainer.accelerator cpu    cpu or gpu; auto takes a GPU where there is one
"""

HELP = {
    "fit": """usage: cifar-lightning fit --config CONFIG [--KEY VALUE ...]

Trains a net and writes its run folder. A config has all settings; it is a YAML
file, or a name that `cifar-lightning configs` lists. The lab's nets:

  --config baseline            two convolutions, the first with stride 4
  --config stride              two convolutions with stride 3
  --config maxpool             max pooling after each of two convolutions
  --config avgpool             average pooling there
  --config lab_protocol        laid over any of them: validate on the test split

What follows changes a setting; in parentheses, what those configs have:

  --model.backbone MaxPoolNet  the net: BaselineNet, StrideNet, MaxPoolNet,
                               AvgPoolNet, or a module of yours: my_net.MyNet
  --model.optimizer Adam       SGD, Adam, AdamW or another of torch.optim (SGD)
  --model.optimizer.lr 0.01    its learning rate (0.005); so its other arguments
  --trainer.max_epochs 20      epochs (500)
  --seed_everything 1          the seed of the weights and the batches (0)
  --data.classes '[apple,bee]' the classes to tell apart; null: all there are
  --data.batch_size 64         images per training step (128)
  --data.val_fraction 0.2      share of the training images held out (0.1)
  --data.source.root DIR       where CIFAR-100 is, or is put (data)
  --data.source ImageFolder    images of your own, below --data.source.root; or
                               Torchvision --data.source.dataset FashionMNIST
  --model.augmentation torchvision.transforms.v2.RandomHorizontalFlip
                               what each training image goes through
  --trainer.logger.name mine   the name of the run; its folder is
                               lightning_logs/mine/version_0, then version_1
  --trainer.accelerator cpu    cpu or gpu (auto: a GPU where there is one)
  --ckpt_path last             what to resume: the newest run of that name, or
                               the run folder that is given
  --help_all                   every key, with its type and default

examples:
  cifar-lightning fit --config quickstart
  cifar-lightning fit --config avgpool --trainer.max_epochs 50
  cifar-lightning fit --config maxpool --config lab_protocol --seed_everything 1
  cifar-lightning fit --config stride --model.optimizer.lr 0.001
  cifar-lightning fit --config avgpool --ckpt_path last --trainer.max_epochs 900

In a YAML file the same keys are nested, and a class is written as class_path
with its arguments below init_args.
""",
    "validate": f"""usage: cifar-lightning validate --ckpt_path RUN_FOLDER [--KEY VALUE ...]

Prints loss, accuracy and recall per class on the validation images.
{_CHECKPOINT}{_BROUGHT}""",
    "test": f"""usage: cifar-lightning test --ckpt_path RUN_FOLDER [--KEY VALUE ...]

Scores a net per class on the training and the test images, and writes
scores.json, the predictions and figures to its run folder.
{_CHECKPOINT}{_BROUGHT}""",
    "predict": f"""usage: cifar-lightning predict --ckpt_path RUN_FOLDER --images DIR [options]

Says what a trained net sees in images of your own.
{_CHECKPOINT}  --images my_photos           a folder of images, or one image
  --output photos.csv          where the answers go; predictions.csv by default
  --trainer.accelerator cpu    cpu or gpu; auto takes a GPU where there is one

example:
  cifar-lightning predict --ckpt_path lightning_logs/avgpool/version_0 \\
    --images my_photos --output photos.csv
""",
    "explain": f"""usage: cifar-lightning explain --ckpt_path RUN_FOLDER --images DIR

Draws what a net looks at in some images (Grad-CAM, occlusion), the filters of
its first convolution, and what each of its poolings keeps of one noisy pixel,
as explained.png in its run folder; TensorBoard shows it, too. It needs
pip install 'cifar-lightning[explain]'.
{_CHECKPOINT}  --images my_photos           a folder of images, or one image; the first three
                               are shown, up to 16 are counted

example:
  cifar-lightning explain --ckpt_path lightning_logs/avgpool/version_0 \\
    --images my_photos
""",
    "export": f"""usage: cifar-lightning export --ckpt_path RUN_FOLDER --output FILE [options]

Writes a trained net as one file that takes uint8 images (N, 3, 32, 32) and
gives probabilities; or as a web page on which anybody can try it, or several
nets side by side. It needs pip install 'cifar-lightning[export]'.
{_CHECKPOINT}                               for a page, one or several
  --output avgpool.onnx        the file to write, or
  --page demo.html             the page: one file that works without a network
  --format torch               an archive for torch.export.load; onnx by default
  --data.source.root DIR       where the images are, for a run from another
                               machine

examples:
  cifar-lightning export --ckpt_path lightning_logs/avgpool/version_0 \\
    --output avgpool.onnx
  cifar-lightning export --page demo.html --ckpt_path \\
    lightning_logs/avgpool/version_0 lightning_logs/maxpool/version_0
""",
    "data": """usage: cifar-lightning data [--config CONFIG] [--KEY VALUE ...]

Fetches and checks the images ahead of time, and counts them per class.

  --preview sheet.png          draw the first training images of each class
  --duplicates                 list the test images that have a near-duplicate
                               among the training images; --preview then draws
                               the 20 closest pairs
  --config avgpool             a config of `fit`, whose `data` part is used
  --data.classes '[apple,bee]' the classes to look at; null: all there are
  --data.val_fraction 0.2      share of the training images held out
  --data.source.root DIR       where CIFAR-100 is, or is put
  --data.source ImageFolder    Cifar100, DrawnShapes, or a folder of your own:
                               --data.source.root DIR
  --help_all                   every key, with its type and default

examples:
  cifar-lightning data
  cifar-lightning data --data.classes '[apple,pear,orange]' --preview fruit.png
""",
    "study": """usage: cifar-lightning study --config CONFIG [--KEY VALUE ...]

Fits and tests every strategy with every seed, each in a run folder of its own:
<save_dir>/<study>/<strategy>/seed_<S>. Finished runs are kept, half-finished
ones resume.

  --config study               a YAML file with strategies, or the lab's study;
                               later ones change earlier ones
  --seeds 3                    seeds 0, 1, 2; or a list: --seeds '[4,7]'
  --max_epochs 100             how long to train each run
  --name pilot                 the name of the study
  --save_dir lightning_logs    where its folder is put
  --dry_run                    print the plan and how long it will take
  --restart                    discard the runs that are there
  --only maxpool,avgpool       some of the strategies
  --sweep data.batch_size 32,64
                               each value of a setting as a strategy of its own
  --vary_split                 each seed holds out validation images of its own
  --engine serial              one run at a time; processes: one per core;
                               stacked: all seeds of a strategy as one net;
                               ray: on a cluster (docs/cluster.md)
  --shard 2/8                  the second of eight parts, one a machine
  --job_array slurm            print the script of a Slurm job array
  --num_threads 1              threads of each run on the CPU
  --data.classes '[apple,bee]' for every run, as any --data, --model and
                               --trainer key of `cifar-lightning fit --help`
  --help_all                   every key, with its type and default

examples:
  cifar-lightning study --config study --seeds 3 --max_epochs 100 --dry_run
  cifar-lightning study --config study --name vehicles \\
    --data.classes '[bicycle,bus,train]'
""",
}
