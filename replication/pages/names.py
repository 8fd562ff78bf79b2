"""What readers call the metrics, the losses and the data sets: one table, used everywhere."""

import re
from dataclasses import dataclass, replace
from functools import cache


@dataclass(frozen=True)
class Name:
    """A metric's name and unit, and how its stored values are shown: times ``scale``."""

    text: str
    unit: str = ""
    digits: int = 2
    scale: float = 1.0

    @property
    def full(self) -> str:
        """With the unit, as a heading or an axis has it."""
        return f"{self.text}, {self.unit}" if self.unit else self.text

    def value(self, stored: float) -> str:
        return f"{self.scale * stored:,.{self.digits}f}"


def per_pixel(text: str) -> Name:
    """Squared errors of pixels in [0, 1] are small numbers."""
    return Name(text, "squared error per pixel x 1000", scale=1000.0)


SPACES = r"codes|components|pixels"
# The whole name has to match; {1} is its first group. The first that matches counts.
NAMES = {
    "test_error_percent": Name("test error", "%"),
    "validation_error_percent": Name("error on held-out images", "%"),
    "test_reconstruction_per_pixel": per_pixel("reconstruction of test images"),
    "mean_image_per_pixel": per_pixel("baseline: the mean image"),
    "class_mean_per_pixel": per_pixel("baseline: the mean image of each class"),
    "components_per_pixel": per_pixel("baseline: as many principal components"),
    "squared_error_per_image": Name("reconstruction of test images", "squared error per image"),
    # clusters
    "error_named_on_test_percent": Name("test error, named by the surest test image", "%"),
    "majority_error_percent": Name("test error, named by the majority of held-out images", "%"),
    "majority_named_on_test_percent": Name("test error, named by the majority of test images", "%"),
    "test_error_over_ties_percent": Name("test error, named by any of the tied images", "%"),
    "tied_images": Name("held-out images tied in float32, a cluster", digits=1),
    "label_prior_distance_percent": Name("images to move for equal clusters", "%"),
    "starts": Name("number of starts", digits=0),
    "hungarian_error_percent": Name("test error, one cluster a class", "%"),
    "normalised_mutual_information": Name("normalised mutual information", digits=3),
    "adjusted_rand_index": Name("adjusted Rand index", digits=3),
    "clusters_used": Name("clusters with a test image", digits=1),
    "label_entropy": Name("entropy of q(y|x)", "nats", 3),
    "mean_label_entropy": Name("entropy of the mean q(y|x)", "nats", 3),
    "least_head_distance": Name("least distance between two cluster heads"),
    "least_error_of_equal_clusters_percent": Name("least error that equal clusters allow", "%"),
    "told_by_heads_percent": Name("test codes whose nearest head is of their class", "%"),
    "smallest_class_percent": Name("test images in the smallest inferred class", "%"),
    "style_prior_distance": Name("distance of the plane's styles to the prior", digits=3),
    "style_prior_sampling_noise": Name("distance of two prior samples: sampling noise", digits=3),
    # likelihood and samples
    r"log_likelihood_(\d+)": Name("log-likelihood, {1} samples", "nats"),
    r"standard_error_(\d+)": Name("standard error over test images, {1} samples", "nats"),
    r"bandwidth_(\d+)": Name("bandwidth of the window, {1} samples", digits=4),
    r"log_likelihood_(\w+)": Name("log-likelihood, {1}", "nats"),
    r"standard_error_(\w+)": Name("standard error over test images, {1}", "nats"),
    r"bandwidth_(\w+)": Name("bandwidth of the window, {1}", digits=4),
    r"samples_(\w+)": Name("number of samples, {1}", digits=0),
    "fid": Name("FID to test images, by our classifier"),
    "fid_sampling_noise": Name("FID of training images: sampling noise"),
    "inception_score": Name("inception score, by our classifier"),
    "inception_score_ceiling": Name("inception score of test images"),
    "reader_error_percent": Name("error of the classifier that reads images", "%"),
    # codes and priors
    "prior_distance": Name("distance of codes to the prior", digits=3),
    "prior_sampling_noise": Name("distance of two prior samples: sampling noise", digits=3),
    "test_own_part_percent": Name("test codes in their own part of the prior", "%"),
    "own_part_chance_percent": Name("the same by chance", "%"),
    "own_part_ceiling_percent": Name("the same of prior samples", "%"),
    r"class_(\d+)_own_part_percent": Name("codes of class {1} in their own part", "%"),
    "asked_label_read_percent": Name("asked label is read, styles of test images", "%"),
    "asked_label_read_from_prior_percent": Name("asked label is read, styles of the prior", "%"),
    "style_probe_percent": Name("label read in the style by a linear probe", "%"),
    "pixel_probe_percent": Name("label read in as many principal components", "%"),
    "chance_percent": Name("chance", "%"),
    "largest_class_percent": Name("share of the largest class", "%"),
    "nearest_neighbour_percent": Name("accuracy of the nearest neighbour in codes", "%"),
    "linear_probe_percent": Name("accuracy of a linear probe of codes", "%"),
    "held_out_reconstruction_per_pixel": per_pixel("reconstruction of held-out images"),
    "held_out_nearest_neighbour_percent": Name("the nearest neighbour, held-out images", "%"),
    "held_out_linear_probe_percent": Name("a linear probe, held-out images", "%"),
    "penalty_share_percent": Name("the penalty's share of the loss", "%"),
    "fine_tuned_error_percent": Name("test error after fine-tuning", "%"),
    "from_scratch_error_percent": Name("test error of the same network from scratch", "%"),
    r"pixels_(short|long)_nearest_neighbour_percent": Name(
        "pixels instead of {1} codes, 1-NN", "%"
    ),
    r"pixels_(short|long)_linear_percent": Name("pixels instead of {1} codes, SVM", "%"),
    r"(short|long)_nearest_neighbour_percent": Name("accuracy of {1} codes, 1-NN", "%"),
    r"(short|long)_linear_percent": Name("accuracy of {1} codes, SVM", "%"),
    # applications
    r"pixels_(\w+)_accuracy_percent": Name("accuracy of a classifier of pixels, {1}", "%"),
    r"(clean|fgsm|pgd)_accuracy_percent": Name("accuracy of a classifier of codes, {1}", "%"),
    r"precision_percent_(\w+)": Name("precision at 100, {1}", "%"),
    r"auroc_percent_(\w+)": Name("AUROC, {1}", "%"),
    r"auprc_percent_(\w+)": Name("AUPRC, {1}", "%"),
    "error_percent_labels": Name("test error of a classifier, labels alone", "%"),
    "error_percent_duplicated": Name("the same, with copies of labelled images", "%"),
    "error_percent_generated": Name("the same, with generated images", "%"),
    "error_percent_largest_class": Name("test error of the largest class", "%"),
    "generated_read_percent": Name("generated images in which the asked class is read", "%"),
    rf"error_percent_nearest_({SPACES})_(\d+)": Name(
        "test error, nearest neighbours (5 at most) of {1}, {2} labels", "%"
    ),
    rf"error_percent_logistic_({SPACES})_(\d+)": Name(
        "test error, logistic regression of {1}, {2} labels", "%"
    ),
    # losses, as the history has them
    "reconstruction": Name("reconstruction loss", digits=3),
    "penalty": Name("penalty, as it is in the reconstruction loss", digits=3),
    "discriminator": Name("discriminators' loss", digits=3),
    "generator": Name("generator's loss", digits=3),
    "classification": Name("classification loss", digits=3),
    "joint": Name("summed loss", digits=3),
    "style_adversary": Name("generator's loss against the style's discriminator", digits=3),
    "label_adversary": Name("generator's loss against the label's discriminator", digits=3),
    "smoothness": Name("divergence under the worst perturbation", "nats", 4),
    "balance": Name("imbalance of q(y|x)", "nats", 4),
    "warps": Name("cross-entropy under warps", "nats", 3),
    r"plane_(\w+)": Name("second stage: {1}", digits=3),
    "negative_elbo": Name("negative bound (ELBO)", "nats"),
    "gradient_penalty": Name("gradient penalty", digits=3),
    "latent_reconstruction": Name("reconstruction of codes", digits=3),
    "layer": Name("reconstruction of the layer in training", digits=3),
    "head_distance": Name("cost of near cluster heads", digits=3),
    "updates": Name("updates", digits=0),
}

# What clusters without an adversary, by the prefix of its metrics (measures.cluster_baselines).
BASELINES = {
    "k_means_": "k-means on pixels",
    "k_means_of_components_": "k-means on 50 principal components",
    "mixture_of_components_": "Gaussian mixture on 50 principal components",
}


@cache
def name_of(metric: str) -> Name:
    """The metric's name; of one that the table lacks, its key in words."""
    for prefix in sorted(BASELINES, key=len, reverse=True):
        if metric.startswith(prefix):
            name = name_of(metric.removeprefix(prefix))
            return replace(name, text=f"{BASELINES[prefix]}: {name.text}")
    for pattern, name in NAMES.items():
        if found := re.fullmatch(pattern, metric):
            groups = [spoken(group) for group in found.groups()]
            return replace(name, text=name.text.format("", *groups))
    if metric.endswith("_per_pixel"):
        return per_pixel(spoken(metric.removesuffix("_per_pixel")))
    percent = metric.endswith("_percent")
    return Name(spoken(metric.removesuffix("_percent")), "%" if percent else "")


def spoken(part: str) -> str:
    """A part of a metric's key, such as a number of samples."""
    return f"{int(part):,}" if part.isdigit() else part.replace("_", " ")
