# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow>=3.17,<3.18", "numpy>=2", "scikit-learn>=1.5", "torch==2.13.0"]
# ///
"""Read handwritten digits: a small convolutional PyTorch network on images of 8 by 8 pixels."""

import mlflow
import numpy as np
import torch
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

PARAMETERS = {"epochs": 30, "batch_size": 64, "learning_rate": 0.003, "channels": 16}


def network(channels: int) -> nn.Module:
    """From images (n, 1, 8, 8) to the probabilities of the ten digits (n, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * channels * 4 * 4, 10),
        nn.Softmax(dim=1),
    )


def fit(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Minimise the negative log-likelihood with Adam, and log it once an epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=PARAMETERS["learning_rate"])
    for epoch in range(int(PARAMETERS["epochs"])):
        total = 0.0
        for batch in torch.randperm(len(images)).split(int(PARAMETERS["batch_size"])):
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log(model(images[batch]) + 1e-9), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        mlflow.log_metric("loss", total / len(images), step=epoch)


def main() -> None:
    """Train, measure on held-out images, and log everything to MLflow."""
    torch.manual_seed(7)
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None, :, :]
    train_images, held_images, train_labels, held_labels = train_test_split(
        images, data.target, test_size=0.2, stratify=data.target, random_state=7
    )
    model = network(int(PARAMETERS["channels"]))

    with mlflow.start_run(run_name="convolutional-network"):
        mlflow.log_params(PARAMETERS)
        fit(model, torch.from_numpy(train_images), torch.from_numpy(train_labels))
        model.eval()
        with torch.inference_mode():
            predictions = model(torch.from_numpy(held_images)).numpy()
        mlflow.log_metric("accuracy", float((predictions.argmax(axis=1) == held_labels).mean()))
        holdout = {
            "inputs": held_images.tolist(),
            "labels": held_labels.tolist(),
            "predictions": predictions.tolist(),
        }
        mlflow.log_dict(holdout, "holdout.json")
        mlflow.pytorch.log_model(
            model,
            name="model",
            signature=infer_signature(held_images, predictions),
            input_example=held_images[:3],
        )


if __name__ == "__main__":
    main()
