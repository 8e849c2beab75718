# Would have a careless checker read outside of its table.
print(-2147483648, 99999999999)
