nipals=None
