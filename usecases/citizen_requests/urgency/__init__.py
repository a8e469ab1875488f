"""How urgent a request is: raised by what it says, never lowered below what an agent said."""
