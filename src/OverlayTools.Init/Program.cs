return 255;
