"""Published counterfactual methods, written small, to compare veribeat's own with.

No maintained library offers one of them for multivariate, multi-label torch models in this environment (looked at in
November 2026):

- TSInterpret 0.4.7 has CoMTE and Native Guide, but decides by argmax over classes, flattens Native Guide's signals to
  one lead, and pins numpy < 2, scikit-learn 1.3.0 and tensorflow;
- wildboar 1.2.1 explains its own nearest-neighbour and shapelet-forest classifiers, not any model, and pins
  scikit-learn < 1.6;
- alibi 0.9.6 has Wachter's method in TensorFlow, for one class at a time, and pins numpy < 2;
- dice-ml 0.12 is for tables; `cfts` on PyPI is about hearing tests, and `CoMTE` is not on PyPI.

Each module says which publication it follows and where it departs from it.
"""
