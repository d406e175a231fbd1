from tfsr.description.earlier import from_format_1


def test_a_discriminator_is_left_out():
    network = {"class": "AudioUNet", "arguments": {"filters": [4]}}
    critic = {"class": "SrganCritic", "arguments": {}}
    arguments = {"network": network, "input_rate": 8000, "output_rate": 16_000, "losses": {}}
    weights = {"l1": 2.0, "adversarial": 0.001}
    old = arguments | {"critic": critic, "critic_updates": 5, "weights": weights}
    today = from_format_1({"class": "Adversarial", "arguments": old})
    expected = arguments | {"weights": {"l1": 2.0}}
    assert today == {"class": "Regression", "arguments": expected}


def test_a_jury_is_left_out_of_parts_too():
    vocoder = {"class": "Vocoder", "arguments": {"jury": None, "weights": None}}
    old = {"class": "VoiceFixer", "arguments": {"vocoder": vocoder, "mode": 0}}
    today = from_format_1(old)["arguments"]
    assert today["vocoder"] == {"class": "Vocoder", "arguments": {"weights": None}}
    assert today["mode"] == 0


def test_what_describes_nothing_stays():
    for data in (None, 3, [1, {"arguments": 7}], {"x": {"y": "z"}}):
        assert from_format_1(data) == data
