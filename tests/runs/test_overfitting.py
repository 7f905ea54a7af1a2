"""The line on over-fitting, on curves made by hand."""

from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.overfitting import describe_overfitting

HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n"


def curves(*rows):
    return Curves.parse(HEADER + "".join(f"{epoch},{row},{epoch - 0.5}\n" for epoch, row in enumerate(rows, 1)))


def test_a_risen_validation_loss_is_reported_with_its_lowest_epoch_and_the_gap():
    run = curves("0.9,0.6,0.5,0.8", "0.5,0.8,0.2,0.94", "0.1,0.99,0.25,0.95", "0.01,1.0,0.3,0.9")
    assert describe_overfitting(run) == (
        "validation loss rose from 0.200 at epoch 2 to 0.300 at epoch 4 (+50 %);"
        " accuracy at the end: train 100.0 %, validation 90.0 % (gap 10.0 points)"
    )


def test_a_loss_still_falling_is_no_over_fitting():
    run = curves("0.9,0.6,0.5,0.8", "0.5,0.8,0.4,0.85")
    assert describe_overfitting(run) == (
        "validation loss still falling: 0.400 at epoch 2, its lowest;"
        " accuracy at the end: train 80.0 %, validation 85.0 % (validation ahead by 5.0 points)"
    )


def test_a_rise_of_a_few_per_cent_is_called_hardly_one():
    run = curves("0.9,0.6,0.50,0.8", "0.5,0.8,0.51,0.8")
    assert describe_overfitting(run).startswith("validation loss hardly rose: 0.500 at epoch 1, 0.510 at epoch 2;")


def test_one_epoch_is_too_early_to_tell():
    assert describe_overfitting(curves("0.9,0.6,0.5,0.8")).startswith(
        "validation loss 0.500 at epoch 1 alone, too early to see over-fitting;"
    )


def test_a_run_without_validation_says_what_is_missing():
    assert describe_overfitting(curves("0.9,0.6,,", "0.25,0.875,,")) == (
        "no validation loss to see over-fitting by; training loss 0.250 and accuracy 87.5 % at epoch 2"
    )


def test_the_lab_protocol_names_the_test_split():
    line = describe_overfitting(curves("0.9,0.6,0.5,0.8", "0.5,0.8,0.6,0.8"), "test (lab protocol)")
    assert line.startswith("test (lab protocol) loss rose from 0.500 at epoch 1")
    assert "validation" not in line


def test_a_loss_that_blew_up_has_three_digits():
    line = describe_overfitting(curves("0.9,0.6,0.5,0.8", "0.9,0.6,9.403771843239786e+34,0.2"))
    assert line.startswith("validation loss rose from 0.500 at epoch 1 to 9.40e+34 at epoch 2; accuracy")


def test_without_validation_in_the_last_epoch_the_last_validated_one_is_reported():
    assert describe_overfitting(curves("0.9,0.6,0.2,0.8", "0.5,0.8,,", "0.4,0.9,0.3,0.7", "0.3,0.95,,")) == (
        "validation loss rose from 0.200 at epoch 1 to 0.300 at epoch 3 (+50 %);"
        " accuracy at epoch 3: train 90.0 %, validation 70.0 % (gap 20.0 points)"
    )


def test_a_single_validation_of_several_epochs_is_too_early_too():
    assert describe_overfitting(curves("0.9,0.6,,", "0.5,0.8,0.4,0.7", "0.3,0.95,,")) == (
        "validation loss 0.400 at epoch 2 alone, too early to see over-fitting;"
        " accuracy at epoch 2: train 80.0 %, validation 70.0 % (gap 10.0 points)"
    )
