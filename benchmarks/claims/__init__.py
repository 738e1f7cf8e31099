"""How often a report claims something false, and how often it shows what is there.

    python -m benchmarks.claims --studies 200 --seed 0 --json claims.json

Studies are planted: scores of images are drawn with a known mean AUROC of every configuration, in place of training.
All the rest is the program's own: searcher, records, study, summary, sentences and tables. Every claim of a report is
then held against what was planted.
"""
