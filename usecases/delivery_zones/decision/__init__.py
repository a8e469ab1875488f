"""From predictions to proposals: sizing, misuse, relocation and their map."""
