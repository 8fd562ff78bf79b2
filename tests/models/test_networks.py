"""What the networks promise beyond their shapes."""

import torch

from replication.models.networks import Encoder


def test_bounded_logits_keep_their_deviation_whatever_is_learned() -> None:
    encoder = Encoder(20, [16], {"style": 2, "label": 5}, label_logit_std=2.0)
    torch.nn.init.normal_(encoder.heads["label"].linear.weight, 0.0, 30.0)
    images = torch.rand(200, 20)
    logits = encoder(images)["label"]
    torch.testing.assert_close(logits.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        logits.std(0, correction=0), torch.full((5,), 2.0), atol=1e-3, rtol=0
    )


def test_bounded_logits_judge_an_image_alone_by_the_statistics_of_training() -> None:
    encoder = Encoder(20, [16], {"label": 5}, label_logit_std=1.0)
    images = torch.rand(200, 20)
    for _ in range(100):
        encoder(images)
    encoder.eval()
    together, alone = encoder(images)["label"], encoder(images[:1])["label"]
    torch.testing.assert_close(alone, together[:1])
    assert together.std() > 0.5
