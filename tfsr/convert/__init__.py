"""Read the weights of other programs as data: nothing of these programs is imported or called."""
