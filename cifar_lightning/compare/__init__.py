"""Which strategy is better, and how surely: run folders in; a table, figures and a page out."""
