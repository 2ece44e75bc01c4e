"""Tables, page, gate and reproduction of published tables; imports no torch."""
