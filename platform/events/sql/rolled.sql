SELECT rolled FROM position;
