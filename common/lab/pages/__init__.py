"""What people see: pages, cards, plots and tables, in French."""
