SELECT seq FROM position;
